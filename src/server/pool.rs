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
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tasks that go on although the call which began them has left. They run on the thread of that call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Detached {
    /// The tasks. Who drains closes this, once nothing begins new ones but such tasks themselves.
    pub tasks: TaskTracker,
    /// Those that have not ended by now are dropped.
    pub abandon: CancellationToken,
}

type BoxedTask = Pin<Box<dyn Future<Output = ()> + Send>>;
type Job = Box<dyn FnOnce() -> BoxedTask + Send>;

/// The threads that serve connections.
#[derive(Debug)]
pub(crate) struct WorkerPool {
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    jobs: UnboundedSender<Job>,
    load: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl WorkerPool {
    /// Starts `threads` threads, at least one. They serve until their jobs have ended, and `detached` tasks, which jobs
    /// leave behind on their threads, have ended or are abandoned.
    ///
    /// # Errors
    /// Where the operating system gives no thread or no runtime.
    pub(crate) fn start(threads: usize, detached: &Detached) -> io::Result<Self> {
        let workers = (0..threads.max(1)).map(|index| Worker::start(index, detached.clone()));
        workers.collect::<io::Result<_>>().map(|workers| Self { workers })
    }

    /// Runs a job on the thread that has the fewest.
    pub(crate) fn spawn<F>(&self, job: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(worker) = self.workers.iter().min_by_key(|worker| worker.load.load(Ordering::Relaxed))
        else {
            return;
        };
        worker.load.fetch_add(1, Ordering::Relaxed);
        let load = JobGuard(Arc::clone(&worker.load));
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

    /// Counts the jobs, while the threads are waited for too.
    #[must_use]
    pub(crate) fn jobs(&self) -> Jobs {
        Jobs(self.workers.iter().map(|worker| Arc::clone(&worker.load)).collect())
    }

    /// Waits until every job has ended, then ends the threads. Blocks.
    pub(crate) fn join(self) {
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

/// How many jobs a pool has.
#[derive(Debug)]
pub(crate) struct Jobs(Vec<Arc<AtomicUsize>>);

impl Jobs {
    /// How many have not ended, without what they have left behind.
    #[must_use]
    pub(crate) fn under_way(&self) -> usize {
        self.0.iter().map(|load| load.load(Ordering::Relaxed)).sum()
    }
}

impl Worker {
    fn start(index: usize, detached: Detached) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (jobs, queue) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name(format!("serve-{index}"))
            .spawn(move || runtime.block_on(run(queue, detached)))?;
        Ok(Self { jobs, load: Arc::default(), thread })
    }
}

async fn run(mut queue: UnboundedReceiver<Job>, detached: Detached) {
    let tasks = TaskTracker::new();
    while let Some(job) = queue.recv().await {
        tasks.spawn(job());
    }
    // The queue is closed: what is still under way ends by itself, for each job has a limit of its own.
    tasks.close();
    tasks.wait().await;
    detached.abandon.run_until_cancelled(detached.tasks.wait()).await;
}

/// Counts a job for as long as it lives, however it ends.
struct JobGuard(Arc<AtomicUsize>);

impl Drop for JobGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// A pool of one thread, a job of which has left a task behind that ends with the channel.
    async fn left_behind(
        detached: &Detached,
    ) -> (WorkerPool, oneshot::Sender<()>, oneshot::Receiver<String>) {
        let pool = WorkerPool::start(1, detached).expect("a thread");
        let (end, ended) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let (begin, begun) = oneshot::channel();
        let tasks = detached.tasks.clone();
        pool.spawn(move || async move {
            tasks.spawn(async move {
                let _ = ended.await;
                let _ = tell.send(std::thread::current().name().unwrap_or_default().to_owned());
            });
            let _ = begin.send(());
        });
        begun.await.expect("the job runs");
        (pool, end, told)
    }

    #[tokio::test]
    async fn the_end_of_the_threads_waits_for_what_calls_have_left_behind_on_them() {
        let detached = Detached::default();
        let (pool, end, told) = left_behind(&detached).await;
        detached.tasks.close();
        let joined = tokio::task::spawn_blocking(move || pool.join());
        end.send(()).expect("the task waits");
        assert_eq!(told.await.expect("it went on to its end"), "serve-0");
        joined.await.expect("the threads end");
    }

    #[tokio::test]
    async fn jobs_are_counted_apart_from_what_they_have_left_behind() {
        let detached = Detached::default();
        let (pool, end, told) = left_behind(&detached).await;
        let jobs = pool.jobs();
        let (hold, held) = oneshot::channel::<()>();
        pool.spawn(move || async move {
            let _ = held.await;
        });
        assert!(jobs.under_way() >= 1);
        drop(hold);
        while jobs.under_way() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(detached.tasks.len(), 1);
        detached.tasks.close();
        end.send(()).expect("the task waits");
        told.await.expect("it went on to its end");
        tokio::task::spawn_blocking(move || pool.join()).await.expect("the threads end");
    }

    #[tokio::test]
    async fn what_does_not_end_is_dropped_when_it_is_abandoned() {
        let detached = Detached::default();
        let (pool, _end, told) = left_behind(&detached).await;
        detached.tasks.close();
        detached.abandon.cancel();
        tokio::task::spawn_blocking(move || pool.join()).await.expect("the threads end");
        assert!(told.await.is_err(), "it was dropped");
    }
}
