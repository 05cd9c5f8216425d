//! The processing of every call: read it, log it, apply a fault or serve it, log the status.

use std::{cell::RefCell, error::Error, future::Future, net::SocketAddr, rc::Rc, time::Duration};

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use crate::{
    answer::{Answer, Body},
    call::Call,
    call_log::Ticket,
    control,
    effect::{self, Closed},
    route,
    state::Mock,
};

/// More than any test sends. A longer body closes the connection.
const BODY_LIMIT: usize = 64 << 20;

/// The mock as an HTTP service.
#[derive(Clone)]
pub(crate) struct Provider {
    /// The state, for one thread.
    pub mock: Rc<RefCell<Mock>>,
}

impl Provider {
    /// The response, or an error that closes the connection without one.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response<Body>, Box<dyn Error + Send + Sync>> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await?.to_bytes();
        let call = Call::new(head, body, peer);
        let answer = if call.path.starts_with("/mock/") {
            control::answer(&mut self.mock.borrow_mut(), &call)
        } else {
            self.noted(&call, self.process(&call)).await?
        };
        let now = self.mock.borrow().clock.now();
        Ok(answer.into_response(now))
    }

    /// Logs the call when it arrives, so that the log is in order of arrival, and its status when it is known.
    async fn noted(
        &self,
        call: &Call,
        processing: impl Future<Output = Result<Answer, Closed>>,
    ) -> Result<Answer, Closed> {
        let ticket = self.begin(call);
        let answer = processing.await?;
        self.mock.borrow_mut().calls.finish(ticket, answer.status);
        Ok(answer)
    }

    fn begin(&self, call: &Call) -> Ticket {
        let mock = &mut *self.mock.borrow_mut();
        let client = || call.bearer().and_then(|token| mock.clients.of_token(token));
        mock.calls.begin(call, mock.clock.now(), client)
    }

    async fn process(&self, call: &Call) -> Result<Answer, Closed> {
        let effect = self.mock.borrow_mut().faults.hit(call);
        let delay = Duration::from_millis(self.mock.borrow().settings.delay_ms);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let normal = || route::answer(&mut self.mock.borrow_mut(), call);
        match effect {
            None => Ok(normal()),
            Some(effect) => effect::apply(&effect, call, normal).await,
        }
    }
}
