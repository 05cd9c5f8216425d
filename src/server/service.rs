//! The services that connections are served with.

use std::{convert::Infallible, error::Error};

use http::{Request, Response};
use hyper::body::Incoming;
use tower::Service;

/// A service for the requests of a connection.
pub(crate) trait ConnectionService<B>:
    Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
}

impl<B, S> ConnectionService<B> for S where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static
{
}

/// A response body that a connection can send.
pub(crate) trait ConnectionBody:
    http_body::Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

impl<B> ConnectionBody for B where
    B: http_body::Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}
