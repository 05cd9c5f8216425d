//! The second version of the API, as the stand-in serves it: over HTTP, by a client that knows only the documents.

#![forbid(unsafe_code)]

mod calls;
mod clients;
mod configuration;
mod decision;
mod fault;
mod login;
mod logout;
mod openapi;
mod partner;
mod profile;
mod session;
mod support;
mod temp_pass;
