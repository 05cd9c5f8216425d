//! Limits, in time and bytes, the response data that the client of an HTTP/2 connection has not read.
//!
//! A client controls by flow control how much is sent to it, and the libraries wait for it without a limit:
//! hyper holds one frame of the body, and h2 the frames that it has been given. So each frame is counted here
//! until it is written to the socket, where [`TimedWrites`](super::timed_writes::TimedWrites) takes over.
//!
//! - A response whose body waits for the client longer than the limit is reset; the other calls of the
//!   connection continue.
//! - When h2 has all of a response, hyper is done with it, and it can no longer be reset. If something waits
//!   there two or three times as long as the limit, the connection is closed.
//! - A response that would exceed the byte limit is reset immediately.
//!
//! A watch without news waits for the server, not for the client, and continues.

use std::{
    cell::Cell,
    error::Error,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Sleep, sleep};

/// The maximum number of unread response bytes of a connection: enough for a thousand concurrent calls (the
/// default maximum per connection) with responses of the usual size.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Frames are counted by the time span in which they were handed over: the current one, or one of the two
/// before it.
const SPANS: usize = 3;

type BoxError = Box<dyn Error + Send + Sync>;

/// What the body of a response did when it was last polled.
#[derive(Debug, Clone, Copy)]
enum BodyProgress {
    /// It returned data, which the client now has to read.
    Give,
    /// It had no data; the client is waiting.
    Wait,
}

tokio::task_local! {
    /// What the body of the response did in the current poll of its task.
    static DID: Cell<Option<BodyProgress>>;
}

/// The calls of a connection, and the response data that its client has not read. A cheap handle, and hyper's
/// executor.
#[derive(Debug, Clone)]
pub(super) struct SendBacklog(Arc<BacklogCounters>);

#[derive(Debug)]
struct BacklogCounters {
    limit: Duration,
    /// Calls that have begun.
    begun: AtomicUsize,
    /// Calls that have not ended.
    in_progress: AtomicUsize,
    bytes: AtomicUsize,
    /// Frames, by the time span in which they were handed over.
    frames: [AtomicUsize; SPANS],
    /// The index of the current span.
    span: AtomicUsize,
}

impl SendBacklog {
    /// An empty backlog. `limit` is how long a response may wait for the client.
    pub(super) fn new(limit: Duration) -> Self {
        Self(Arc::new(BacklogCounters {
            limit,
            begun: AtomicUsize::default(),
            in_progress: AtomicUsize::default(),
            bytes: AtomicUsize::default(),
            frames: Default::default(),
            span: AtomicUsize::default(),
        }))
    }

    /// Completes when data has been waiting that a reset can no longer remove.
    pub(super) async fn overdue(&self) -> BoxError {
        while self.begin_span() {
            sleep(self.0.limit).await;
        }
        io::Error::new(io::ErrorKind::TimedOut, "the client does not read its responses").into()
    }

    /// Begins the next time span, unless frames of the span that it would share a counter with are left.
    fn begin_span(&self) -> bool {
        let next = (self.0.span.load(Relaxed) + 1) % SPANS;
        let is_empty = self.0.frames[next].load(Relaxed) == 0;
        if is_empty {
            self.0.span.store(next, Relaxed);
        }
        is_empty
    }

    /// Completes when there has been no call for at least `limit`.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let begun = self.0.begun.load(Relaxed);
            sleep(limit).await;
            if self.0.in_progress.load(Relaxed) == 0 && self.0.begun.load(Relaxed) == begun {
                return;
            }
        }
    }

    /// Counts a frame with this many bytes; `None` if it exceeds the limit.
    fn hand_over(&self, bytes: usize) -> Option<FrameGuard> {
        if self.0.bytes.load(Relaxed) + bytes > BYTES_MAX {
            return None;
        }
        let span = self.0.span.load(Relaxed);
        self.0.bytes.fetch_add(bytes, Relaxed);
        self.0.frames[span].fetch_add(1, Relaxed);
        Some(FrameGuard { backlog: self.clone(), bytes, span })
    }
}

impl<F> Executor<F> for SendBacklog
where
    F: Future<Output = ()> + Send + 'static,
{
    /// Runs a call until it ends, or its response has waited for the client for too long. Dropping the future
    /// early resets the call.
    fn execute(&self, call: F) {
        let in_progress = CallGuard::new(self);
        let limit = self.0.limit;
        // Boxed: pinned inside the task, the future would be stored there twice.
        let mut call = Box::pin(call);
        tokio::spawn(async move {
            let mut over: Option<Pin<Box<Sleep>>> = None;
            poll_fn(|context| {
                let poll = || (call.as_mut().poll(context), DID.with(Cell::get));
                let (ended, did) = DID.sync_scope(Cell::default(), poll);
                if ended.is_ready() {
                    return ended;
                }
                match did {
                    Some(BodyProgress::Give) => over = Some(Box::pin(sleep(limit))),
                    Some(BodyProgress::Wait) => over = None,
                    None => {}
                }
                over.as_mut().map_or(Poll::Pending, |over| over.as_mut().poll(context))
            })
            .await;
            drop(in_progress);
        });
    }
}

/// Counts a call until it is dropped.
struct CallGuard(SendBacklog);

impl CallGuard {
    fn new(backlog: &SendBacklog) -> Self {
        backlog.0.begun.fetch_add(1, Relaxed);
        backlog.0.in_progress.fetch_add(1, Relaxed);
        Self(backlog.clone())
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.0.0.in_progress.fetch_sub(1, Relaxed);
    }
}

/// Counts a frame until it is dropped: when it is written to the socket, or discarded.
struct FrameGuard {
    backlog: SendBacklog,
    bytes: usize,
    span: usize,
}

impl Drop for FrameGuard {
    fn drop(&mut self) {
        self.backlog.0.bytes.fetch_sub(self.bytes, Relaxed);
        self.backlog.0.frames[self.span].fetch_sub(1, Relaxed);
    }
}

/// A response body whose frames are counted.
pub(super) struct CountedBody<B> {
    body: B,
    backlog: SendBacklog,
}

impl<B> CountedBody<B> {
    pub(super) fn new(body: B, backlog: SendBacklog) -> Self {
        Self { body, backlog }
    }
}

impl<B> Body for CountedBody<B>
where
    B: Body<Error: Into<BoxError>> + Unpin,
{
    type Data = CountedData<B::Data>;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let did = if frame.is_ready() { BodyProgress::Give } else { BodyProgress::Wait };
        // hyper polls the body only in the task of its call.
        let _ = DID.try_with(|last| last.set(Some(did)));
        let Some(frame) = ready!(frame) else { return Poll::Ready(None) };
        let frame = frame.map_err(Into::into)?;
        let bytes = frame.data_ref().map_or(0, Buf::remaining);
        let guard = self.backlog.hand_over(bytes);
        let counted = guard.map(|guard| frame.map_data(|data| CountedData { data, guard }));
        let too_many = || h2::Error::from(h2::Reason::ENHANCE_YOUR_CALM).into();
        Poll::Ready(Some(counted.ok_or_else(too_many)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The data of a counted frame.
pub(super) struct CountedData<D> {
    data: D,
    #[expect(dead_code, reason = "counts the frame until it is dropped")]
    guard: FrameGuard,
}

impl<D: Buf> Buf for CountedData<D> {
    fn remaining(&self) -> usize {
        self.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.data.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [io::IoSlice<'a>]) -> usize {
        self.data.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.data.advance(count);
    }
}
