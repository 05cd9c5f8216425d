//! What the client of an HTTP/2 connection has not taken of its answers, bounded in time and bytes.
//!
//! By flow control a client decides how much is sent to it, and the libraries wait for it without end: hyper with one
//! frame of the body in its hand, h2 with what it has been handed. So each frame is counted here until it is on its way
//! to the socket, where [`TimedWrites`](super::timed_writes::TimedWrites) takes over.
//!
//! - An answer whose body waits for the client longer than the limit is reset; the connection's other calls go on.
//! - hyper is done with an answer when h2 has all of it, and then nobody can reset it any more. Where something waits there
//!   two or three times as long, the connection is closed.
//! - An answer that would be one too many bytes is reset at once.
//!
//! A watch that has nothing to tell waits for the server, not for the client, and goes on.

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

/// How many bytes of answers a connection holds, at most. A thousand calls at once, which is as many as a connection may
/// have unless configured, with answers of the usual size.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Frames are counted by when they were handed over: within the present span of time, the one before it, and the one before
/// that.
const SPANS: usize = 3;

type BoxError = Box<dyn Error + Send + Sync>;

/// What an answer's body did when it was polled last.
#[derive(Debug, Clone, Copy)]
enum BodyProgress {
    /// It gave something to send: now the client has to take it.
    Give,
    /// It had nothing to give: the client waits.
    Wait,
}

tokio::task_local! {
    /// What the body of the answer did in this turn of its task.
    static DID: Cell<Option<BodyProgress>>;
}

/// The calls of a connection, and what its client has not taken of the answers. A cheap handle, and what hyper runs calls by.
#[derive(Debug, Clone)]
pub(super) struct SendBacklog(Arc<BacklogCounters>);

#[derive(Debug)]
struct BacklogCounters {
    limit: Duration,
    /// Calls that ever began.
    begun: AtomicUsize,
    /// Calls that have not ended.
    under_way: AtomicUsize,
    bytes: AtomicUsize,
    /// Frames, by the span of time in which they were handed over.
    frames: [AtomicUsize; SPANS],
    /// Which of these is the present one.
    span: AtomicUsize,
}

impl SendBacklog {
    /// Nothing yet; `limit` is how long an answer may wait for the client.
    pub(super) fn new(limit: Duration) -> Self {
        Self(Arc::new(BacklogCounters {
            limit,
            begun: AtomicUsize::default(),
            under_way: AtomicUsize::default(),
            bytes: AtomicUsize::default(),
            frames: Default::default(),
            span: AtomicUsize::default(),
        }))
    }

    /// Completes when something has been waiting that no reset has rid the connection of.
    pub(super) async fn overdue(&self) -> BoxError {
        while self.begin_span() {
            sleep(self.0.limit).await;
        }
        io::Error::new(io::ErrorKind::TimedOut, "the client does not take its answers").into()
    }

    /// Begins the next span of time, unless something is left of the one that it would be counted with.
    fn begin_span(&self) -> bool {
        let next = (self.0.span.load(Relaxed) + 1) % SPANS;
        let is_empty = self.0.frames[next].load(Relaxed) == 0;
        if is_empty {
            self.0.span.store(next, Relaxed);
        }
        is_empty
    }

    /// Completes when there has been no call for `limit` at least.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let begun = self.0.begun.load(Relaxed);
            sleep(limit).await;
            if self.0.under_way.load(Relaxed) == 0 && self.0.begun.load(Relaxed) == begun {
                return;
            }
        }
    }

    /// A frame of so many bytes, where there is room for them.
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
    /// Runs a call until it has ended, or its client has let the answer wait for too long. Dropped before its end, it is
    /// reset.
    fn execute(&self, call: F) {
        let under_way = CallGuard::new(self);
        let limit = self.0.limit;
        // Pinned inside of the task it would have two places there: one to be brought in, one to be pinned in.
        let mut call = Box::pin(call);
        tokio::spawn(async move {
            let mut over: Option<Pin<Box<Sleep>>> = None;
            poll_fn(|context| {
                let turn = || (call.as_mut().poll(context), DID.with(Cell::get));
                let (ended, did) = DID.sync_scope(Cell::default(), turn);
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
            drop(under_way);
        });
    }
}

/// Counts a call for as long as it lives, however it ends.
struct CallGuard(SendBacklog);

impl CallGuard {
    fn new(backlog: &SendBacklog) -> Self {
        backlog.0.begun.fetch_add(1, Relaxed);
        backlog.0.under_way.fetch_add(1, Relaxed);
        Self(backlog.clone())
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.0.0.under_way.fetch_sub(1, Relaxed);
    }
}

/// Counts a frame until it is on its way to the socket, or dropped.
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

/// The body of an answer whose frames are counted.
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
        // hyper polls it nowhere else than in the task of its call.
        let _ = DID.try_with(|last| last.set(Some(did)));
        let Some(frame) = ready!(frame) else { return Poll::Ready(None) };
        let frame = frame.map_err(Into::into)?;
        let bytes = frame.data_ref().map_or(0, Buf::remaining);
        let place = self.backlog.hand_over(bytes);
        let counted = place.map(|place| frame.map_data(|data| CountedData { data, place }));
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

/// What a frame holds, counted.
pub(super) struct CountedData<D> {
    data: D,
    #[expect(dead_code, reason = "it counts for as long as it lives")]
    place: FrameGuard,
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
