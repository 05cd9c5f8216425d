//! Registered clients and their access tokens.

use std::{collections::HashMap, rc::Rc};

use crate::{random, settings::ClientsPerStatement};

/// The clients. By default a statement has one client: registering it again ends the former client and its tokens.
#[derive(Debug)]
pub(crate) struct Clients {
    token_seconds: u32,
    secrets: HashMap<String, String>,
    by_statement: HashMap<String, String>,
    tokens: HashMap<String, Grant>,
    sweep_at: usize,
    /// The client that registered last, for tests that name no client.
    latest: Option<String>,
    /// The number of registrations.
    pub registrations: u64,
    /// The number of issued tokens.
    pub tokens_issued: u64,
}

/// The credentials with which a client requests tokens.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub id: String,
    pub secret: String,
}

/// A new access token.
#[derive(Debug)]
pub(crate) struct Token {
    /// The token.
    pub value: String,
    /// Its lifetime.
    pub seconds: u32,
}

#[derive(Debug)]
struct Grant {
    client: Rc<str>,
    expires: i64,
}

impl Clients {
    /// Creates a registry without clients.
    pub(crate) fn new(token_seconds: u32) -> Self {
        Self {
            token_seconds,
            secrets: HashMap::new(),
            by_statement: HashMap::new(),
            tokens: HashMap::new(),
            sweep_at: 0,
            latest: None,
            registrations: 0,
            tokens_issued: 0,
        }
    }

    pub(crate) fn register(&mut self, statement: &str, clients: ClientsPerStatement) -> Credentials {
        let client = Credentials { id: random::uuid().to_string(), secret: random::secret() };
        self.secrets.insert(client.id.clone(), client.secret.clone());
        let former = self.by_statement.insert(statement.to_owned(), client.id.clone());
        if let Some(former) = former
            && clients == ClientsPerStatement::One
        {
            self.secrets.remove(&former);
        }
        self.latest = Some(client.id.clone());
        self.registrations += 1;
        client
    }

    /// Issues a token, if the client exists.
    pub(crate) fn issue(&mut self, id: &str, secret: &str, now: i64) -> Option<Token> {
        if self.secrets.get(id)? != secret {
            return None;
        }
        self.sweep(now);
        let token = Token { value: random::secret(), seconds: self.token_seconds };
        let expires = now + i64::from(self.token_seconds) * 1000;
        self.tokens.insert(token.value.clone(), Grant { client: id.into(), expires });
        self.tokens_issued += 1;
        Some(token)
    }

    /// The client of the token, if both are valid.
    pub(crate) fn admit(&self, token: &str, now: i64) -> Option<Rc<str>> {
        let grant = self.tokens.get(token).filter(|grant| grant.expires > now)?;
        self.secrets.contains_key(&*grant.client).then(|| grant.client.clone())
    }

    /// The client that the token was issued to.
    pub(crate) fn of_token(&self, token: &str) -> Option<Rc<str>> {
        self.tokens.get(token).map(|grant| grant.client.clone())
    }

    /// The client that registered last.
    pub(crate) fn latest(&self) -> Option<&str> {
        self.latest.as_deref()
    }

    /// Invalidates every token.
    pub(crate) fn forget_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Deletes every client and its tokens.
    pub(crate) fn forget_clients(&mut self) {
        self.secrets.clear();
        self.by_statement.clear();
        self.tokens.clear();
    }

    /// Removes expired tokens whenever the number of tokens has doubled since the last removal.
    fn sweep(&mut self, now: i64) {
        if self.tokens.len() >= self.sweep_at {
            let secrets = &self.secrets;
            self.tokens.retain(|_, grant| grant.expires > now && secrets.contains_key(&*grant.client));
            self.sweep_at = (2 * self.tokens.len()).max(1024);
        }
    }
}
