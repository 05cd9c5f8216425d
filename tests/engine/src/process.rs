//! Child processes that do not outlive the process that started them.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command},
    sync::{
        LazyLock, Mutex,
        mpsc::{self, Sender},
    },
    thread,
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

type Job = (Command, Sender<io::Result<Child>>);

/// The kernel kills a child when the *thread* that started it ends, and the thread of a test ends before the process. So one
/// thread that lives as long as the process starts all children.
static STARTER: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
    let (jobs, queue) = mpsc::channel::<Job>();
    thread::Builder::new()
        .name("engine-starter".to_owned())
        .spawn(move || {
            for (mut command, answer) in queue {
                let _ = answer.send(command.spawn());
            }
        })
        .expect("a thread");
    Mutex::new(jobs)
});

/// A child process. It is killed when this value is dropped and when this process ends for any reason.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts the program through `setpriv` (util-linux), which replaces itself with it.
    pub(crate) fn start(program: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("setpriv");
        // Ctrl-C must reach this process only, which stops its children in its own order.
        command.args(["--pdeathsig", "KILL", "--", program]).process_group(0);
        prepare(&mut command);
        let (answer, started) = mpsc::channel();
        STARTER.lock().expect("not poisoned").send((command, answer)).expect("the starter runs");
        let child = started.recv().expect("the starter answers").expect("setpriv, of util-linux");
        Self { child }
    }

    /// Returns whether the process has exited by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("can be asked").is_some()
    }

    /// Kills the process, even if it is stopped.
    pub(crate) fn kill(&mut self) {
        // The process may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends SIGSTOP. The process has stopped when this returns.
    pub(crate) fn stop(&self) {
        kill_process(self.id(), Signal::STOP).expect("can be stopped");
        waitpid(Some(self.id()), WaitOptions::UNTRACED).expect("can be waited for");
    }

    /// Sends SIGCONT.
    pub(crate) fn resume(&self) {
        kill_process(self.id(), Signal::CONT).expect("can go on");
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
