//! One thread per processor, each with its own runtime.

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

/// Tasks that outlive the call that started them. They run on the thread of that call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Detached {
    /// The tasks. The drain closes the tracker when only such tasks can still start new ones.
    pub tasks: TaskTracker,
    /// Drops the tasks that have not ended.
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
    /// Starts `threads` threads, at least one. They run until their jobs have ended, and the `detached` tasks
    /// that jobs have started on them have ended or are abandoned.
    ///
    /// # Errors
    /// If the operating system cannot create a thread or a runtime.
    pub(crate) fn start(threads: usize, detached: &Detached) -> io::Result<Self> {
        let workers = (0..threads.max(1)).map(|index| Worker::start(index, detached.clone()));
        workers.collect::<io::Result<_>>().map(|workers| Self { workers })
    }

    /// Runs a job on the thread with the fewest jobs.
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
        // A worker receives jobs until the pool is dropped.
        let _ = worker.jobs.send(job);
    }

    /// A handle that counts the jobs, also while the pool is being joined.
    #[must_use]
    pub(crate) fn jobs(&self) -> Jobs {
        Jobs(self.workers.iter().map(|worker| Arc::clone(&worker.load)).collect())
    }

    /// Waits until every job has ended, then joins the threads. Blocks.
    pub(crate) fn join(self) {
        let (jobs, threads): (Vec<_>, Vec<_>) =
            self.workers.into_iter().map(|worker| (worker.jobs, worker.thread)).unzip();
        drop(jobs);
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("worker thread panicked");
            }
        }
    }
}

/// The number of jobs of a pool.
#[derive(Debug)]
pub(crate) struct Jobs(Vec<Arc<AtomicUsize>>);

impl Jobs {
    /// The number of jobs that have not ended, without detached tasks.
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
    // The queue is closed. Running jobs end by themselves, because each has a limit of its own.
    tasks.close();
    tasks.wait().await;
    detached.abandon.run_until_cancelled(detached.tasks.wait()).await;
}

/// Counts a job until it is dropped.
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

    /// A pool of one thread with a detached task, which ends with the channel.
    async fn with_detached_task(
        detached: &Detached,
    ) -> (WorkerPool, oneshot::Sender<()>, oneshot::Receiver<String>) {
        let pool = WorkerPool::start(1, detached).expect("a thread");
        let (end, ended) = oneshot::channel::<()>();
        let (report, reported) = oneshot::channel();
        let (begin, begun) = oneshot::channel();
        let tasks = detached.tasks.clone();
        pool.spawn(move || async move {
            tasks.spawn(async move {
                let _ = ended.await;
                let _ = report.send(std::thread::current().name().unwrap_or_default().to_owned());
            });
            let _ = begin.send(());
        });
        begun.await.expect("the job runs");
        (pool, end, reported)
    }

    #[tokio::test]
    async fn joining_waits_for_detached_tasks() {
        let detached = Detached::default();
        let (pool, end, reported) = with_detached_task(&detached).await;
        detached.tasks.close();
        let joined = tokio::task::spawn_blocking(move || pool.join());
        end.send(()).expect("the task waits");
        assert_eq!(reported.await.expect("the task completes"), "serve-0");
        joined.await.expect("the threads end");
    }

    #[tokio::test]
    async fn detached_tasks_are_not_counted_as_jobs() {
        let detached = Detached::default();
        let (pool, end, reported) = with_detached_task(&detached).await;
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
        reported.await.expect("the task completes");
        tokio::task::spawn_blocking(move || pool.join()).await.expect("the threads end");
    }

    #[tokio::test]
    async fn abandoned_tasks_are_dropped() {
        let detached = Detached::default();
        let (pool, _end, reported) = with_detached_task(&detached).await;
        detached.tasks.close();
        detached.abandon.cancel();
        tokio::task::spawn_blocking(move || pool.join()).await.expect("the threads end");
        assert!(reported.await.is_err(), "it was dropped");
    }
}
