//! How a call to the provider is made: as fast as it may be, for as long as somebody waits, repeated only where that is
//! safe; and its answer, read whole and bounded.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, response::Parts};
use http_body_util::{LengthLimitError, Limited};
use reqwest::Url;
use tokio::sync::Semaphore;

use super::{
    UpstreamDependencies, UpstreamOptions,
    budget::RepeatBudget,
    call::{ProviderCall, ProviderOrigin, ProviderResponse},
    circuit::{CircuitBreaker, CircuitState},
    clients::Clients,
    failure::{throttled, unavailable},
    pacing::RequestPacing,
};
use crate::{
    domain::{
        address::Address,
        call::{CallContext, Deadline},
        clock::{SharedClock, Stopwatch},
        error::{Error, Result, UpstreamAnswer},
        id::EnvironmentName,
        randomness::{SharedRandomness, up_to},
    },
    telemetry::{Metrics, trace_headers},
    whole_body::whole,
};

/// The largest answer that is read, in bytes: hundreds of times what the documented ones have.
const ANSWER_MAX: usize = 1 << 20;

/// How often a call is made at most.
const ATTEMPTS: u32 = 3;

/// How long the first pause before a repeat is at most; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// For each call that may be under way so many may wait; and beside these as many as a batch has.
const WAITING_PER_CONNECTION: usize = 16;
const WAITING_OF_BATCH: usize = 256;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How an attempt ended.
enum Attempt {
    Answered(ProviderResponse),
    /// The call was never made: to make it is as safe as it was.
    NotMade(Error),
    /// It was made, and what became of it is not known.
    Broken(Error),
    /// To make it again would not help.
    Hopeless(Error),
}

/// The client of one upstream.
pub(super) struct HttpClient {
    environment: EnvironmentName,
    metrics: Option<Arc<Metrics>>,
    clients: Clients,
    url: Url,
    reset_url: Url,
    timeout: Duration,
    pace: RequestPacing,
    api_circuit: CircuitBreaker,
    reset_circuit: CircuitBreaker,
    budget: RepeatBudget,
    connections: Semaphore,
    waiting: Semaphore,
    clock: SharedClock,
    randomness: SharedRandomness,
}

impl HttpClient {
    pub(super) fn new(
        environment: &EnvironmentName,
        options: &UpstreamOptions,
        parts: &UpstreamDependencies,
    ) -> std::result::Result<Self, String> {
        let circuit = || CircuitBreaker::new(parts.clock.clone(), parts.randomness.clone());
        Ok(Self {
            environment: environment.clone(),
            metrics: parts.metrics.clone(),
            clients: Clients::new(options)?,
            url: options.url.clone(),
            reset_url: options.reset_url.clone(),
            timeout: options.timeout,
            pace: RequestPacing::new(Arc::clone(&parts.limits), environment.clone()),
            api_circuit: circuit(),
            reset_circuit: circuit(),
            budget: RepeatBudget::default(),
            connections: Semaphore::new(options.connections),
            waiting: Semaphore::new(options.connections * (WAITING_PER_CONNECTION + 1) + WAITING_OF_BATCH),
            clock: parts.clock.clone(),
            randomness: parts.randomness.clone(),
        })
    }

    /// Whether the upstream, or a part of it, is being spared.
    pub(super) fn circuit(&self) -> CircuitState {
        match (self.api_circuit.state(), self.reset_circuit.state()) {
            (CircuitState::Closed, CircuitState::Closed) => CircuitState::Closed,
            _ => CircuitState::Open,
        }
    }

    /// Makes a call, and again where that is safe and may help. Whatever the status is, it is an answer, but for 429.
    pub(super) async fn send(&self, context: &CallContext, call: &ProviderCall) -> Result<ProviderResponse> {
        self.budget.earn();
        let mut attempts = 1;
        let mut before = None;
        loop {
            let attempt = match (self.attempt(context, call).await, before.take()) {
                // What became of the call is more to the point than that a repeat has to wait.
                (Attempt::Hopeless(_), Some(before)) => return self.settle(call, before).await,
                (attempt, _) => attempt,
            };
            let Some(pause) = self.pause_before_repeat(call, &attempt, attempts) else {
                return self.settle(call, attempt).await;
            };
            if !context.outlasts(pause) || !self.budget.spend() {
                return self.settle(call, attempt).await;
            }
            self.clock.sleep(pause).await;
            attempts += 1;
            before = Some(attempt);
        }
    }

    fn pause_before_repeat(&self, call: &ProviderCall, attempt: &Attempt, attempts: u32) -> Option<Duration> {
        let may_help = match attempt {
            Attempt::Answered(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
                let wait = || answer.retry_after() + up_to(&*self.randomness, FIRST_PAUSE);
                return (attempts < ATTEMPTS).then(wait);
            }
            Attempt::Answered(answer) => answer.status.is_server_error() && call.repeatable,
            Attempt::NotMade(_) => true,
            Attempt::Broken(_) => call.repeatable,
            Attempt::Hopeless(_) => false,
        };
        (may_help && attempts < ATTEMPTS)
            .then(|| up_to(&*self.randomness, FIRST_PAUSE * 2_u32.pow(attempts - 1)))
    }

    async fn settle(&self, call: &ProviderCall, attempt: Attempt) -> Result<ProviderResponse> {
        match attempt {
            Attempt::Answered(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
                let said =
                    UpstreamAnswer { status: Some(answer.status.as_u16()), ..UpstreamAnswer::default() };
                Err(throttled(said, answer.retry_after(), self.was_fast(call.device).await))
            }
            Attempt::Answered(answer) => Ok(answer),
            Attempt::NotMade(error) | Attempt::Broken(error) | Attempt::Hopeless(error) => Err(error),
        }
    }

    /// Tries an origin by itself, whatever has failed before: its answer, or why there is none, for the operator.
    pub(super) async fn probe(
        &self,
        origin: ProviderOrigin,
    ) -> std::result::Result<ProviderResponse, String> {
        let call = ProviderCall { origin, ..ProviderCall::new(Method::GET, "/".to_owned()) };
        let request = self.request(&CallContext::default(), &call);
        let request = request.map_err(|error| error.without_url().to_string())?;
        let sent = Deadline::after(self.timeout).limit(self.clients.of_this_thread().execute(request));
        let mut response = match sent.await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(deepest(&error)),
            Err(_) => return Err("no answer in time".to_owned()),
        };
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        Ok(ProviderResponse { status, headers, body: Bytes::new() })
    }

    /// Whether the device has called more than once in the last second.
    pub(super) async fn was_fast(&self, device: Option<Address>) -> bool {
        match device {
            Some(device) => self.pace.was_fast(device).await,
            None => false,
        }
    }

    /// Whether a call of the device would have to wait, or would come within a second after another.
    pub(super) async fn would_wait(&self, device: Address) -> Result<bool> {
        self.pace.would_wait(device).await
    }

    /// Whether as many calls are under way as may be.
    pub(super) fn is_busy(&self) -> bool {
        self.connections.available_permits() == 0
    }

    async fn attempt(&self, context: &CallContext, call: &ProviderCall) -> Attempt {
        let circuit = match call.origin {
            ProviderOrigin::Api => &self.api_circuit,
            ProviderOrigin::Reset => &self.reset_circuit,
        };
        let spared = |retry_after| {
            let text = "it has failed again and again, and is spared for a moment";
            Attempt::Hopeless(unavailable(text, Some(retry_after)))
        };
        // Before anything is waited for, or counted for the device.
        if let Err(retry_after) = circuit.look() {
            return spared(retry_after);
        }
        if let Err(error) = self.keep_pace(context, call.device).await {
            return Attempt::Hopeless(error);
        }
        let Ok(_waiting) = self.waiting.try_acquire() else {
            return Attempt::Hopeless(unavailable("too many calls to it wait already", None));
        };
        let connection = match context.deadline {
            Some(deadline) => deadline.limit(self.connections.acquire()).await,
            None => Ok(self.connections.acquire().await),
        };
        let _connection = match connection {
            Ok(Ok(connection)) => connection,
            Ok(Err(_)) => return Attempt::Hopeless(Error::ShuttingDown),
            Err(_) => return Attempt::Hopeless(Error::DeadlineExceeded),
        };
        if let Err(retry_after) = circuit.permit() {
            return spared(retry_after);
        }
        let began = Stopwatch::start();
        let attempt = self.exchange(context, call).await;
        self.count(call, &attempt, began.elapsed());
        match &attempt {
            Attempt::Answered(answer) if !answer.status.is_server_error() => circuit.succeeded(),
            // The caller had no time left, which tells nothing of the upstream.
            Attempt::Hopeless(Error::DeadlineExceeded) => {}
            _ => circuit.failed(),
        }
        attempt
    }

    fn count(&self, call: &ProviderCall, attempt: &Attempt, duration: Duration) {
        let status = match attempt {
            Attempt::Answered(answer) => Some(answer.status.as_u16()),
            Attempt::NotMade(_) | Attempt::Broken(_) | Attempt::Hopeless(_) => None,
        };
        if let Some(metrics) = &self.metrics {
            metrics.observe_upstream_call(self.environment.as_str(), &call.method, status, duration);
        }
    }

    async fn keep_pace(&self, context: &CallContext, device: Option<Address>) -> Result<()> {
        let Some(device) = device else { return Ok(()) };
        match self.pace.reserve(device, context.time_left().unwrap_or(Duration::MAX)).await? {
            Ok(Duration::ZERO) => Ok(()),
            Ok(wait) => {
                self.clock.sleep(wait).await;
                Ok(())
            }
            Err(wait) => Err(throttled(UpstreamAnswer::default(), wait, true)),
        }
    }

    async fn exchange(&self, context: &CallContext, call: &ProviderCall) -> Attempt {
        let request = match self.request(context, call) {
            Ok(request) => request,
            Err(error) => return Attempt::Hopeless(Error::Internal(error.without_url().to_string())),
        };
        let end = Deadline::after(self.timeout);
        let callers_end = context.deadline.filter(|deadline| *deadline < end);
        match callers_end.unwrap_or(end).limit(self.answer(request)).await {
            Ok(attempt) => attempt,
            Err(_) if callers_end.is_some() => Attempt::Hopeless(Error::DeadlineExceeded),
            Err(_) => Attempt::Broken(unavailable("it does not answer in time", None)),
        }
    }

    fn request(&self, context: &CallContext, call: &ProviderCall) -> reqwest::Result<reqwest::Request> {
        let mut url = match call.origin {
            ProviderOrigin::Api => self.url.clone(),
            ProviderOrigin::Reset => self.reset_url.clone(),
        };
        url.set_path(&call.path);
        url.set_query(Some(call.query.as_str()).filter(|query| !query.is_empty()));
        let mut headers = call.headers.clone();
        if let Some(address) = call.device
            && let Ok(address) = HeaderValue::from_str(&address.to_string())
        {
            headers.insert(X_FORWARDED_FOR, address);
        }
        trace_headers(context, &mut headers);
        let request = self.clients.of_this_thread().request(call.method.clone(), url).headers(headers);
        request.body(call.body.clone()).build()
    }

    async fn answer(&self, request: reqwest::Request) -> Attempt {
        let response = match self.clients.of_this_thread().execute(request).await {
            Ok(response) => http::Response::from(response),
            Err(error) if error.is_connect() => {
                log(&error);
                return Attempt::NotMade(unavailable("it cannot be reached", None));
            }
            Err(error) => {
                log(&error);
                return Attempt::Broken(unavailable("the connection broke before it had answered", None));
            }
        };
        let (Parts { status, headers, .. }, body) = response.into_parts();
        match whole(Limited::new(body, ANSWER_MAX)).await {
            Ok(body) => Attempt::Answered(ProviderResponse { status, headers, body }),
            Err(error) if error.is::<LengthLimitError>() => {
                Attempt::Hopeless(unavailable("its answer is larger than any that is documented", None))
            }
            Err(error) => {
                log(&*error);
                Attempt::Broken(unavailable("its answer broke off", None))
            }
        }
    }
}

/// The error without its URL, which may hold what no log may.
fn log(error: &(dyn StdError + 'static)) {
    tracing::debug!(cause = %deepest(error), "a call to the upstream failed");
}

/// What is at the bottom of an error.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut text = "the connection failed".to_owned();
    let mut source = error.source();
    while let Some(error) = source {
        text = error.to_string();
        source = error.source();
    }
    text
}
