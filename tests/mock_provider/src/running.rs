//! A stand-in on a thread of the process that started it.

use std::{
    io,
    net::SocketAddr,
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;

use crate::{Arguments, listen, serve_until};

/// A stand-in that serves until this is dropped, which closes its connections as the end of a process would.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    /// Dropped first; the thread ends by it.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Starts a stand-in, which listens when this returns. Nothing is written, and standard input is left alone.
///
/// # Errors
///
/// Where the address cannot be listened on.
pub fn start(arguments: Arguments) -> io::Result<Running> {
    let listener = listen(&arguments)?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let end = async {
        let _ = stopped.await;
    };
    let thread = thread::Builder::new()
        .name("mock-provider".to_owned())
        .spawn(move || serve_until(end, listener, &arguments))?;
    Ok(Running { address, stop: Some(stop), thread: Some(thread) })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // Whatever it failed by, a test has seen already.
            let _ = thread.join();
        }
    }
}
