//! Authentication and authorization: every call of both faces, with every kind of credentials.

mod certificate;
mod every_method;
mod every_route;
mod jwt;
mod reload;
mod share;
mod tls_server;
