//! Calls to the engine, and the Lua scripts that make atomic changes.

use std::sync::LazyLock;

use redis::{Cmd, Script};

use super::key::RedisKey;

/// A script. It is called by its hash, and sent whole if the engine does not have it yet.
pub(super) struct EngineScript {
    source: &'static str,
    hashed: LazyLock<Script>,
}

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: EngineScript = {
            const SOURCE: &str = include_str!(concat!("scripts/", $file, ".lua"));
            EngineScript { source: SOURCE, hashed: LazyLock::new(|| Script::new(SOURCE)) }
        };)*
    };
}

scripts! {
    CODE_INSERT = "code_insert";
    CODE_ADOPT = "code_adopt";
    CODE_RELEASE = "code_release";
    CODE_FORGET = "code_forget";
    LIVE_COUNT = "live_count";
    LEDGER_PUT = "ledger_put";
    LEDGER_GET = "ledger_get";
    LEDGER_SWAP = "ledger_swap";
    LIMIT = "limit";
    GENERATION_RAISE = "generation_raise";
    CELL_READ = "cell_read";
    CELL_WRITE = "cell_write";
    CELL_LOCK = "cell_lock";
    CELL_COMMIT = "cell_commit";
    CELL_UNLOCK = "cell_unlock";
    CELL_OUTCOME = "cell_outcome";
}

/// A command or script with its arguments. Its first key determines the node.
#[derive(Clone)]
pub(super) struct EngineCall {
    what: EngineAction,
    keys: Vec<RedisKey>,
    args: Vec<Vec<u8>>,
    channel: Option<RedisKey>,
}

#[derive(Clone, Copy)]
enum EngineAction {
    Command(&'static str),
    Script(&'static EngineScript),
}

impl EngineCall {
    /// Creates a call of a command whose first arguments are these keys.
    pub(super) fn command(name: &'static str, keys: impl IntoIterator<Item = RedisKey>) -> Self {
        Self {
            what: EngineAction::Command(name),
            keys: keys.into_iter().collect(),
            args: Vec::new(),
            channel: None,
        }
    }

    /// Creates a call of a script with these keys, which must all be in one slot.
    pub(super) fn script(script: &'static EngineScript, keys: impl IntoIterator<Item = RedisKey>) -> Self {
        Self {
            what: EngineAction::Script(script),
            keys: keys.into_iter().collect(),
            args: Vec::new(),
            channel: None,
        }
    }

    /// Appends an argument.
    pub(super) fn arg(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.args.push(argument.as_ref().to_vec());
        self
    }

    /// Appends a number as an argument.
    pub(super) fn number(self, number: u64) -> Self {
        self.arg(number.to_string())
    }

    /// Appends the channel to which the script publishes as its last argument. The channel is not passed as a key: while a slot
    /// moves, a node serves a script with several keys only if all of them exist there, and a channel never exists as a key.
    pub(super) fn signaling(mut self, channel: Option<RedisKey>) -> Self {
        self.channel.clone_from(&channel);
        match channel {
            Some(channel) => self.arg(channel),
            None => self,
        }
    }

    /// The channel to which the script publishes.
    pub(super) fn channel(&self) -> Option<&RedisKey> {
        self.channel.as_ref()
    }

    /// The key that determines the node.
    pub(super) fn route(&self) -> &[u8] {
        self.keys.first().map_or(&[], Vec::as_slice)
    }

    /// The command to send. A script is sent by its hash, or as its source if `whole` is true.
    pub(super) fn to_command(&self, whole: bool) -> Cmd {
        let mut command = match &self.what {
            EngineAction::Command(name) => redis::cmd(name),
            EngineAction::Script(script) if whole => redis::cmd("EVAL").arg(script.source).take(),
            EngineAction::Script(script) => redis::cmd("EVALSHA").arg(script.hashed.get_hash()).take(),
        };
        if let EngineAction::Script(_) = self.what {
            command.arg(self.keys.len());
        }
        command.arg(&self.keys).arg(&self.args);
        command
    }
}
