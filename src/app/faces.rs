//! Builds the two faces and accepts their connections.

use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tonic::service::Routes;

use super::{
    App, StartError, callers, rest,
    services::{Services, quota},
    tls::TlsListeners,
};
use crate::{
    config::{AddressLimit, Config, HumanDuration},
    domain::{clock::SharedClock, limit::LimitedResource},
    grpc::{self, FaceLayer},
    rest::connected,
    server::{Acceptor, Http1Options, Http2Options, Serving, SharedTls, Shutdown, Transport},
    service::throttle::{AddressThrottle, CountedFace},
};

/// What serves the connections of both faces.
pub(super) struct Faces {
    grpc: Routes,
    around_grpc: Arc<FaceLayer>,
    rest: Router,
    clock: SharedClock,
}

impl Faces {
    /// Builds the faces of `app`. They stop with `shutdown`.
    pub(super) fn new(app: &App, shutdown: &Shutdown) -> Result<Self, StartError> {
        let (services, config) = (&app.services, &app.config.written.grpc);
        let grpc = grpc::routes(grpc::GrpcDependencies {
            registration: services.registration.clone(),
            temp_pass: services.temp_pass.clone(),
            entitlement: services.entitlement.clone(),
            normalizer: Arc::clone(&services.normalizer),
            health: app.status.health.clone(),
            max_message_size: config.max_message_size,
        })?;
        let around_grpc = Arc::new(FaceLayer {
            telemetry: app.telemetry.clone(),
            callers: callers::of_grpc(config.auth, services),
            address_throttle: grpc_address_throttle(config.address_limit, services),
            connections: quota(config, LimitedResource::Connections),
            answer_timeout: config.answer_timeout.0,
            drain: shutdown.drain.clone(),
        });
        Ok(Self { grpc, around_grpc, rest: rest::router(app), clock: Arc::clone(&services.clock) })
    }

    /// Accepts connections until the server drains.
    pub(super) async fn accept(
        self,
        grpc: TcpListener,
        rest: TcpListener,
        serving: Serving<'_>,
        tls: &TlsListeners,
        config: &Config,
    ) {
        let Self { grpc: routes, around_grpc, rest: router, clock } = self;
        let acceptor = |listener, max_connections| {
            Acceptor::new(listener, max_connections, serving.shutdown.drain.clone())
        };
        let transport = |name, tls: &SharedTls, max_connections, write_timeout: HumanDuration| {
            Transport::new(name, Arc::clone(tls), max_connections, write_timeout.0, Arc::clone(&clock))
        };
        let (grpc_config, rest_config) = (&config.grpc, &config.rest);
        tokio::join!(
            serving.http2(
                acceptor(grpc, grpc_config.max_connections),
                transport("grpc", &tls.grpc, grpc_config.max_connections, grpc_config.write_timeout),
                move |peer, end| around_grpc.wrap(routes.clone(), peer, end),
                http2_options(config),
            ),
            serving.http1(
                acceptor(rest, rest_config.max_connections),
                transport("rest", &tls.rest, rest_config.max_connections, rest_config.write_timeout),
                move |peer| connected(router.clone(), peer),
                Http1Options { idle_timeout: rest_config.idle_timeout.0 },
            ),
        );
    }
}

/// The rate limit for each address over gRPC, if configured.
fn grpc_address_throttle(limit: Option<AddressLimit>, services: &Services) -> Option<AddressThrottle> {
    let AddressLimit { per_second, burst } = limit?;
    Some(AddressThrottle::new(Arc::clone(&services.store.limits), CountedFace::Grpc, per_second, burst))
}

fn http2_options(config: &Config) -> Http2Options {
    Http2Options {
        max_streams: config.grpc.max_streams_per_connection,
        keepalive_interval: config.grpc.keepalive_interval.0,
        keepalive_timeout: config.grpc.keepalive_timeout.0,
        idle_timeout: config.grpc.idle_timeout.0,
        write_timeout: config.grpc.write_timeout.0,
    }
}
