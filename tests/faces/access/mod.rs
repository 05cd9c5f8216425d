//! Authentication and authorization: every call of both faces, with every kind of credentials.

mod caller_share;
mod certificate;
mod every_method;
mod every_route;
mod jwt;
mod reload;
mod tls_server;
