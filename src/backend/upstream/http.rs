//! The HTTP client of an upstream. It keeps to the rate limits and the caller's deadline, retries only where that is
//! safe, and reads responses whole, up to a size limit.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, response::Parts};
use http_body_util::{LengthLimitError, Limited};
use reqwest::Url;
use tokio::sync::Semaphore;

use super::{
    UpstreamDependencies, UpstreamOptions,
    budget::RetryBudget,
    call::{ProviderCall, ProviderOrigin, ProviderResponse},
    circuit::{CircuitBreaker, CircuitState},
    clients::ClientPools,
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

/// The maximum size of a response body, in bytes: hundreds of times the documented ones.
const RESPONSE_MAX: usize = 1 << 20;

/// The maximum number of attempts of a call.
const ATTEMPTS: u32 = 3;

/// The maximum backoff before the first retry. It doubles for each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// The maximum number of waiting calls: this many for each concurrent call, plus as many as a batch of resets has.
const WAITING_PER_CONNECTION: usize = 16;
const WAITING_OF_BATCH: usize = 256;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The outcome of an attempt.
enum Attempt {
    Answered(ProviderResponse),
    /// The call was not sent, so a retry is safe.
    NotSent(Error),
    /// The call may have been sent; its outcome is unknown.
    Unknown(Error),
    /// A retry would not help.
    Final(Error),
}

/// The HTTP client of one upstream.
pub(super) struct HttpClient {
    environment: EnvironmentName,
    metrics: Option<Arc<Metrics>>,
    clients: ClientPools,
    url: Url,
    reset_url: Url,
    timeout: Duration,
    pace: RequestPacing,
    api_circuit: CircuitBreaker,
    reset_circuit: CircuitBreaker,
    budget: RetryBudget,
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
        let circuit = |origin| {
            let (clock, randomness) = (parts.clock.clone(), parts.randomness.clone());
            CircuitBreaker::new(environment.clone(), origin, clock, randomness)
        };
        Ok(Self {
            environment: environment.clone(),
            metrics: parts.metrics.clone(),
            clients: ClientPools::new(options)?,
            url: options.url.clone(),
            reset_url: options.reset_url.clone(),
            timeout: options.timeout,
            pace: RequestPacing::new(Arc::clone(&parts.limits), environment.clone()),
            api_circuit: circuit("api"),
            reset_circuit: circuit("reset"),
            budget: RetryBudget::default(),
            connections: Semaphore::new(options.connections),
            waiting: Semaphore::new(options.connections * (WAITING_PER_CONNECTION + 1) + WAITING_OF_BATCH),
            clock: parts.clock.clone(),
            randomness: parts.randomness.clone(),
        })
    }

    /// Returns `Open` if the circuit breaker of any origin is open.
    pub(super) fn circuit(&self) -> CircuitState {
        match (self.api_circuit.state(), self.reset_circuit.state()) {
            (CircuitState::Closed, CircuitState::Closed) => CircuitState::Closed,
            _ => CircuitState::Open,
        }
    }

    /// Makes a call, and retries it where that is safe and may help. Every status except 429 counts as a response.
    pub(super) async fn send(&self, context: &CallContext, call: &ProviderCall) -> Result<ProviderResponse> {
        self.budget.earn();
        let mut attempts = 1;
        let mut before = None;
        loop {
            let attempt = match (self.attempt(context, call).await, before.take()) {
                // The outcome of the previous attempt says more than the refusal of a retry.
                (Attempt::Final(_), Some(before)) => return self.settle(call, before).await,
                (attempt, _) => attempt,
            };
            let Some(backoff) = self.backoff(call, &attempt, attempts) else {
                return self.settle(call, attempt).await;
            };
            if !context.outlasts(backoff) || !self.budget.spend() {
                return self.settle(call, attempt).await;
            }
            self.clock.sleep(backoff).await;
            attempts += 1;
            before = Some(attempt);
        }
    }

    fn backoff(&self, call: &ProviderCall, attempt: &Attempt, attempts: u32) -> Option<Duration> {
        let may_help = match attempt {
            Attempt::Answered(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
                let wait = || answer.retry_after() + up_to(&*self.randomness, FIRST_BACKOFF);
                return (attempts < ATTEMPTS).then(wait);
            }
            Attempt::Answered(answer) => answer.status.is_server_error() && call.retryable,
            Attempt::NotSent(_) => true,
            Attempt::Unknown(_) => call.retryable,
            Attempt::Final(_) => false,
        };
        (may_help && attempts < ATTEMPTS)
            .then(|| up_to(&*self.randomness, FIRST_BACKOFF * 2_u32.pow(attempts - 1)))
    }

    async fn settle(&self, call: &ProviderCall, attempt: Attempt) -> Result<ProviderResponse> {
        match attempt {
            Attempt::Answered(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
                let answer_details =
                    UpstreamAnswer { status: Some(answer.status.as_u16()), ..UpstreamAnswer::default() };
                Err(throttled(answer_details, answer.retry_after(), self.was_fast(call.device).await))
            }
            Attempt::Answered(answer) => Ok(answer),
            Attempt::NotSent(error) | Attempt::Unknown(error) | Attempt::Final(error) => Err(error),
        }
    }

    /// Makes a request to an origin past the circuit breaker and all limits. Returns the response, or for the operator
    /// the reason why there is none.
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
            Err(_) => return Err("no response within the timeout".to_owned()),
        };
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        Ok(ProviderResponse { status, headers, body: Bytes::new() })
    }

    /// Reports whether the device has called more than once in the last second.
    pub(super) async fn was_fast(&self, device: Option<Address>) -> bool {
        match device {
            Some(device) => self.pace.was_fast(device).await,
            None => false,
        }
    }

    /// Reports whether a call of the device would have to wait, or would follow another within a second.
    pub(super) async fn would_wait(&self, device: Address) -> Result<bool> {
        self.pace.would_wait(device).await
    }

    /// Reports whether the maximum number of calls is in progress.
    pub(super) fn is_busy(&self) -> bool {
        self.connections.available_permits() == 0
    }

    async fn attempt(&self, context: &CallContext, call: &ProviderCall) -> Attempt {
        let circuit = match call.origin {
            ProviderOrigin::Api => &self.api_circuit,
            ProviderOrigin::Reset => &self.reset_circuit,
        };
        let rejected = |retry_after| {
            let text = "the circuit breaker is open after repeated failures";
            Attempt::Final(unavailable(text, Some(retry_after)))
        };
        // Checked first, so that a rejected call neither waits nor counts toward the device's rate.
        if let Err(retry_after) = circuit.check() {
            return rejected(retry_after);
        }
        if let Err(error) = self.wait_for_pace(context, call.device).await {
            return Attempt::Final(error);
        }
        let Ok(_waiting) = self.waiting.try_acquire() else {
            return Attempt::Final(unavailable("too many calls to it are already waiting", None));
        };
        let connection = match context.deadline {
            Some(deadline) => deadline.limit(self.connections.acquire()).await,
            None => Ok(self.connections.acquire().await),
        };
        let _connection = match connection {
            Ok(Ok(connection)) => connection,
            Ok(Err(_)) => return Attempt::Final(Error::ShuttingDown),
            Err(_) => return Attempt::Final(Error::DeadlineExceeded),
        };
        if let Err(retry_after) = circuit.permit() {
            return rejected(retry_after);
        }
        let began = Stopwatch::start();
        let attempt = self.exchange(context, call).await;
        self.count(call, &attempt, began.elapsed());
        match &attempt {
            Attempt::Answered(answer) if !answer.status.is_server_error() => circuit.record_success(),
            // The caller's deadline says nothing about the upstream.
            Attempt::Final(Error::DeadlineExceeded) => {}
            _ => circuit.record_failure(),
        }
        attempt
    }

    fn count(&self, call: &ProviderCall, attempt: &Attempt, duration: Duration) {
        let status = match attempt {
            Attempt::Answered(answer) => Some(answer.status.as_u16()),
            Attempt::NotSent(_) | Attempt::Unknown(_) | Attempt::Final(_) => None,
        };
        if let Some(metrics) = &self.metrics {
            metrics.observe_upstream_call(self.environment.as_str(), &call.method, status, duration);
        }
    }

    async fn wait_for_pace(&self, context: &CallContext, device: Option<Address>) -> Result<()> {
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
            Err(error) => return Attempt::Final(Error::Internal(error.without_url().to_string())),
        };
        let timeout = Deadline::after(self.timeout);
        let callers_deadline = context.deadline.filter(|deadline| *deadline < timeout);
        match callers_deadline.unwrap_or(timeout).limit(self.answer(request)).await {
            Ok(attempt) => attempt,
            Err(_) if callers_deadline.is_some() => Attempt::Final(Error::DeadlineExceeded),
            Err(_) => Attempt::Unknown(unavailable("it did not respond in time", None)),
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
                return Attempt::NotSent(unavailable("it cannot be reached", None));
            }
            Err(error) => {
                log(&error);
                return Attempt::Unknown(unavailable("the connection was closed before it responded", None));
            }
        };
        let (Parts { status, headers, .. }, body) = response.into_parts();
        match whole(Limited::new(body, RESPONSE_MAX)).await {
            Ok(body) => Attempt::Answered(ProviderResponse { status, headers, body }),
            Err(error) if error.is::<LengthLimitError>() => {
                Attempt::Final(unavailable("its response is larger than 1 MiB", None))
            }
            Err(error) => {
                log(&*error);
                Attempt::Unknown(unavailable("its response ended early", None))
            }
        }
    }
}

/// Logs the innermost cause only: the error itself contains the URL, which may contain secrets.
fn log(error: &(dyn StdError + 'static)) {
    tracing::debug!(cause = %deepest(error), "call to the upstream failed");
}

/// Returns the innermost cause of an error.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut text = "the connection failed".to_owned();
    let mut source = error.source();
    while let Some(error) = source {
        text = error.to_string();
        source = error.source();
    }
    text
}
