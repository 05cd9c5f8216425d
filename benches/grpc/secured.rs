//! The cost of a JWT and TLS: creates with both, compared with the same server without either.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, header::AUTHORIZATION};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

use crate::{
    CONNECTIONS, GRPC,
    client::{Client, open},
    credentials::Credentials,
    support::{
        self, Result, Setting,
        comparison::{Case, Comparison},
        load::{self, Workload},
        measurement::{Measurement, MeasurementPlan, measure},
        process::{Face, Server},
        report::Target,
        tally::CallError,
    },
    workload::Create,
};

/// The measured call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SecuredCall {
    /// A durable create.
    Create,
}

/// A method called over TLS.
pub struct SecuredMethod {
    pub path: String,
    pub tls: Arc<ClientConfig>,
    /// The `Authorization` header.
    pub authorization: HeaderValue,
}

/// A client over TLS with a token in each call.
#[derive(Clone)]
pub struct SecuredClient(Client);

impl support::load::Client for SecuredClient {
    type Method = SecuredMethod;

    fn connections(_in_flight: usize) -> usize {
        CONNECTIONS
    }

    async fn connect(address: SocketAddr, method: &SecuredMethod, clients: usize) -> Result<Vec<Self>> {
        let tls = TlsConnector::from(method.tls.clone());
        let stream = tls.connect(ServerName::from(address.ip()), open(address).await?).await?;
        let mut client = Client::over(stream, &format!("https://{address}{}", method.path)).await?;
        client.request.headers_mut().insert(AUTHORIZATION, method.authorization.clone());
        Ok(vec![Self(client); clients])
    }

    async fn call(&mut self, body: Bytes) -> std::result::Result<Bytes, CallError> {
        self.0.call(body).await
    }
}

/// A workload over TLS with a token in each call.
struct OverTls<W> {
    workload: W,
    method: SecuredMethod,
}

impl<W: Workload<Client = Client>> Workload for OverTls<W> {
    type Client = SecuredClient;

    fn method(&self) -> &SecuredMethod {
        &self.method
    }

    fn request(&self) -> Option<Bytes> {
        self.workload.request()
    }

    fn request_size(&self) -> usize {
        self.workload.request_size()
    }
}

/// The servers and the workloads.
pub struct Secured {
    secured: Server,
    plain: Server,
    over_tls: Arc<OverTls<Create>>,
    create: Arc<Create>,
    _credentials: Credentials,
}

impl Comparison for Secured {
    type Call = SecuredCall;

    const REFERENCE: &'static str = "without";

    const CASES: &'static [Case<SecuredCall>] = &[Case {
        call: SecuredCall::Create,
        in_flight: 64,
        throughput: Target::None,
        p99: Target::None,
        cpu: Target::AtMost(1.25),
    }];

    fn start(setting: &Setting, data: &Path) -> Result<Self> {
        let credentials = Credentials::new()?;
        let (configuration, authorization) = credentials.configure_jwt()?;
        let face = Face { configuration: Some(&configuration), ..GRPC };
        let secured = Server::passbridge(&setting.server, &data.join("secured"), &face)?;
        let plain = Server::passbridge(&setting.server, &data.join("plain"), &GRPC)?;
        secured.wait_until_ready()?;
        plain.wait_until_ready()?;
        let workload = Create::new(None)?;
        let path = workload.method().to_owned();
        let method = SecuredMethod { path, tls: credentials.client(false)?, authorization };
        let (over_tls, create) = (OverTls { workload, method }, Create::new(None)?);
        load::once(secured.address, &over_tls)?;
        load::once(plain.address, &create)?;
        Ok(Self {
            secured,
            plain,
            over_tls: Arc::new(over_tls),
            create: Arc::new(create),
            _credentials: credentials,
        })
    }

    fn warm_up(&self, plan: MeasurementPlan) -> Result<()> {
        self.passbridge(SecuredCall::Create, plan)?;
        self.reference(SecuredCall::Create, plan).map(drop)
    }

    fn passbridge(&self, SecuredCall::Create: SecuredCall, plan: MeasurementPlan) -> Result<Measurement> {
        measure(&self.secured, &self.over_tls, plan)
    }

    fn reference(&self, SecuredCall::Create: SecuredCall, plan: MeasurementPlan) -> Result<Measurement> {
        measure(&self.plain, &self.create, plan)
    }

    fn describe(&self) -> String {
        format!(
            "The same server twice: with TLS 1.3 and a JWT (ES256) in each call, and without. {CONNECTIONS} connections each.\n"
        )
    }

    fn end(self) -> Result<()> {
        self.secured.terminate()?;
        self.plain.terminate()
    }
}
