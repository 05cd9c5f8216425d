//! One thread for each processor, each with a runtime of its own.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use tokio::{
    runtime::Builder,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_util::task::TaskTracker;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type Job = Box<dyn FnOnce() -> Task + Send>;

/// The threads that serve connections.
#[derive(Debug)]
pub struct WorkerPool {
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    jobs: UnboundedSender<Job>,
    load: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl WorkerPool {
    /// Starts `threads` threads, at least one.
    ///
    /// # Errors
    /// Where the operating system gives no thread or no runtime.
    pub fn start(threads: usize) -> io::Result<Self> {
        (0..threads.max(1)).map(Worker::start).collect::<io::Result<_>>().map(|workers| Self { workers })
    }

    /// Runs a job on the thread that has the fewest.
    pub fn spawn<F>(&self, job: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(worker) = self.workers.iter().min_by_key(|worker| worker.load.load(Ordering::Relaxed))
        else {
            return;
        };
        worker.load.fetch_add(1, Ordering::Relaxed);
        let load = Load(Arc::clone(&worker.load));
        let job: Job = Box::new(move || {
            let task = job();
            Box::pin(async move {
                let _load = load;
                task.await;
            })
        });
        // A worker takes jobs for as long as the pool lives.
        let _ = worker.jobs.send(job);
    }

    /// Waits until every job has ended, then ends the threads. Blocks.
    pub fn join(self) {
        let (jobs, threads): (Vec<_>, Vec<_>) =
            self.workers.into_iter().map(|worker| (worker.jobs, worker.thread)).unzip();
        drop(jobs);
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a serving thread had panicked");
            }
        }
    }
}

impl Worker {
    fn start(index: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (jobs, queue) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name(format!("serve-{index}"))
            .spawn(move || runtime.block_on(run(queue)))?;
        Ok(Self { jobs, load: Arc::default(), thread })
    }
}

async fn run(mut queue: UnboundedReceiver<Job>) {
    let tasks = TaskTracker::new();
    while let Some(job) = queue.recv().await {
        tasks.spawn(job());
    }
    // The queue is closed: what is still under way ends by itself, for each job has a limit of its own.
    tasks.close();
    tasks.wait().await;
}

/// Counts a job for as long as it lives, however it ends.
struct Load(Arc<AtomicUsize>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
