//! Version 2 of the API as the mock provider serves it, over HTTP, with a client written from the documents.

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
