//! Checks of the engine before the store uses it.

use std::collections::HashMap;

use redis::{InfoDict, aio::MultiplexedConnection};

use super::options::{Node, RedisOptions};

/// The oldest supported major version. The scripts use sharded publish/subscribe and `PEXPIRETIME`.
const MIN_MAJOR_VERSION: u32 = 7;

/// An error from opening a store over Redis. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum RedisOpenError {
    /// No node can be used.
    #[error(
        "no node can be used (last error, from {node}: {reason}); check that store.url names running nodes, and that \
         store.tls, store.username and store.password_file match the engine's settings"
    )]
    Unreachable {
        /// The last node that was tried.
        node: String,
        /// Its error.
        reason: String,
    },
    /// The engine's version is too old.
    #[error("{node} runs version {version}; passbridge requires Redis 7 or later, or Valkey")]
    TooOld {
        /// The node.
        node: String,
        /// The version that the node reports.
        version: String,
    },
    /// The engine evicts keys when its memory is full.
    #[error(
        "{node} has maxmemory-policy {policy}, which evicts codes and trials when its memory is full; set it to \
         noeviction on the engine"
    )]
    Evicts {
        /// The node.
        node: String,
        /// Its policy.
        policy: String,
    },
    /// The engine was reached and then failed.
    #[error("the engine failed while the store was being opened: {0}")]
    Failed(String),
}

/// Facts about the engine, from the first node that responds.
pub(super) struct EngineFacts {
    pub is_cluster: bool,
}

/// Asks the nodes in order until one responds.
///
/// # Errors
/// If no node responds, or the engine does not meet the requirements.
pub(super) async fn examine(options: &RedisOptions) -> Result<EngineFacts, RedisOpenError> {
    let mut last = RedisOpenError::Failed("store.url contains no node".to_owned());
    for node in &options.nodes {
        let unreachable = |error: redis::RedisError| RedisOpenError::Unreachable {
            node: node.to_string(),
            reason: error.to_string(),
        };
        match options.connect(node, None).await {
            Ok(mut connection) => match examine_node(&mut connection, node).await {
                Ok(facts) => return facts,
                Err(error) => last = unreachable(error),
            },
            Err(error) => last = unreachable(error),
        }
    }
    Err(last)
}

/// Checks whether an engine with this `INFO` can be used.
pub(super) fn judge(info: &InfoDict, node: &Node) -> Result<(), RedisOpenError> {
    let text = |key: &str| info.get::<String>(key).unwrap_or_default();
    // Valkey reports the compatible Redis version here.
    let version = text("redis_version");
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major < MIN_MAJOR_VERSION {
        return Err(RedisOpenError::TooOld { node: node.to_string(), version });
    }
    let policy = text("maxmemory_policy");
    if policy.starts_with("allkeys") || policy.starts_with("volatile") {
        return Err(RedisOpenError::Evicts { node: node.to_string(), policy });
    }
    Ok(())
}

async fn examine_node(
    connection: &mut MultiplexedConnection,
    node: &Node,
) -> redis::RedisResult<Result<EngineFacts, RedisOpenError>> {
    let info: InfoDict = redis::cmd("INFO").query_async(connection).await?;
    if let Err(refusal) = judge(&info, node) {
        return Ok(Err(refusal));
    }
    let text = |key: &str| info.get::<String>(key).unwrap_or_default();
    if text("maxmemory_policy").is_empty() {
        tracing::warn!(
            %node,
            "store engine does not report its maxmemory-policy, make sure that it is noeviction"
        );
    }
    let configuration: redis::RedisResult<HashMap<String, String>> =
        redis::cmd("CONFIG").arg("GET").arg("appendfsync").query_async(connection).await;
    if configuration.is_err() {
        tracing::warn!(
            %node,
            "store engine durability not checked, CONFIG is forbidden"
        );
    } else if text("aof_enabled") == "0" && text("connected_slaves") == "0" && text("role") == "master" {
        tracing::warn!(
            %node,
            "store engine has neither an append-only file nor a replica, its data is lost when it stops"
        );
    }
    Ok(Ok(EngineFacts { is_cluster: text("cluster_enabled") == "1" || text("redis_mode") == "cluster" }))
}
