//! Who may do what: every call of both faces, with every kind of credentials.

mod every_method;
mod every_route;
mod jwt;
mod reload;
mod share;
