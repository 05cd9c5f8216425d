//! What is asked of the engine before anything is stored there.

use std::collections::HashMap;

use redis::{InfoDict, aio::MultiplexedConnection};

use super::options::{Node, RedisOptions};

/// The oldest version that has what the scripts use: sharded publish/subscribe and `PEXPIRETIME`.
const OLDEST: u32 = 7;

/// Why a store over Redis cannot be opened. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum RedisOpenError {
    /// None of the nodes can be used.
    #[error(
        "no node can be used (the last one tried, {node}: {reason}); check store.url, that the engine runs there, and what it \
         asks of TLS and of users (store.tls, store.username, store.password_file)"
    )]
    Unreachable {
        /// The last one that was tried.
        node: String,
        /// Why it cannot.
        reason: String,
    },
    /// The engine is older than what is needed.
    #[error("{node} is version {version}; passbridge needs Redis 7 or later, or Valkey")]
    TooOld {
        /// Which node.
        node: String,
        /// What it says that it is.
        version: String,
    },
    /// The engine throws away what it was given when it is full.
    #[error(
        "{node} has maxmemory-policy {policy}, by which a full engine throws away codes and trials that are needed; set it to \
         noeviction there"
    )]
    Evicts {
        /// Which node.
        node: String,
        /// Its policy.
        policy: String,
    },
    /// It was reached, and then failed.
    #[error("the engine failed while the store was opened: {0}")]
    Failed(String),
}

/// What the first node that answers says of the engine.
pub(super) struct Facts {
    pub is_cluster: bool,
}

/// Asks the nodes, in their order, until one answers.
///
/// # Errors
/// Where none does, or the engine cannot be used.
pub(super) async fn examine(options: &RedisOptions) -> Result<Facts, RedisOpenError> {
    let mut last = RedisOpenError::Failed("store.url names no node".to_owned());
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

/// Whether an engine that says this of itself can be used.
pub(super) fn judge(info: &InfoDict, node: &Node) -> Result<(), RedisOpenError> {
    let text = |key: &str| info.get::<String>(key).unwrap_or_default();
    // Valkey says by this which Redis it speaks like.
    let version = text("redis_version");
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major < OLDEST {
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
) -> redis::RedisResult<Result<Facts, RedisOpenError>> {
    let info: InfoDict = redis::cmd("INFO").query_async(connection).await?;
    if let Err(refusal) = judge(&info, node) {
        return Ok(Err(refusal));
    }
    let text = |key: &str| info.get::<String>(key).unwrap_or_default();
    if text("maxmemory_policy").is_empty() {
        tracing::warn!(
            %node,
            "the store's engine does not say its maxmemory-policy; make sure that it is noeviction"
        );
    }
    let configuration: redis::RedisResult<HashMap<String, String>> =
        redis::cmd("CONFIG").arg("GET").arg("appendfsync").query_async(connection).await;
    if configuration.is_err() {
        tracing::warn!(
            %node,
            "the store's engine does not show its configuration (CONFIG is forbidden), so its durability is not checked"
        );
    } else if text("aof_enabled") == "0" && text("connected_slaves") == "0" && text("role") == "master" {
        tracing::warn!(
            %node,
            "the store's engine has neither an append-only file nor a replica: what it holds is lost when it ends"
        );
    }
    Ok(Ok(Facts { is_cluster: text("cluster_enabled") == "1" || text("redis_mode") == "cluster" }))
}
