//! The scripts that run in the engine, and how they are called: what has to happen at once happens in one of them.

use std::sync::LazyLock;

use redis::{Cmd, Script};

use super::key::Key;

/// A script, which whoever finds it missing in the engine sends there whole.
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

/// Something for the engine to do. Its first key says where.
#[derive(Clone)]
pub(super) struct Call {
    what: What,
    keys: Vec<Key>,
    args: Vec<Vec<u8>>,
    channel: Option<Key>,
}

#[derive(Clone, Copy)]
enum What {
    Command(&'static str),
    Script(&'static EngineScript),
}

impl Call {
    /// A command whose first arguments are these keys.
    pub(super) fn command(name: &'static str, keys: impl IntoIterator<Item = Key>) -> Self {
        Self { what: What::Command(name), keys: keys.into_iter().collect(), args: Vec::new(), channel: None }
    }

    /// A script over these keys, all of one slot.
    pub(super) fn script(script: &'static EngineScript, keys: impl IntoIterator<Item = Key>) -> Self {
        Self { what: What::Script(script), keys: keys.into_iter().collect(), args: Vec::new(), channel: None }
    }

    /// With one more argument.
    pub(super) fn arg(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.args.push(argument.as_ref().to_vec());
        self
    }

    /// With a number as one more argument.
    pub(super) fn number(self, number: u64) -> Self {
        self.arg(number.to_string())
    }

    /// With the channel to which the script publishes as its last argument. It is no key of the script: while a slot moves, the
    /// engine serves a script of several keys only where it has them all, and a channel is nowhere a key.
    pub(super) fn signalling(mut self, channel: Option<Key>) -> Self {
        self.channel.clone_from(&channel);
        match channel {
            Some(channel) => self.arg(channel),
            None => self,
        }
    }

    /// The channel to which it publishes.
    pub(super) fn channel(&self) -> Option<&Key> {
        self.channel.as_ref()
    }

    /// The key that says where it goes.
    pub(super) fn route(&self) -> &[u8] {
        self.keys.first().map_or(&[], Vec::as_slice)
    }

    /// As it is sent: a script by its hash, or `whole` where the engine does not have it.
    pub(super) fn to_command(&self, whole: bool) -> Cmd {
        let mut command = match &self.what {
            What::Command(name) => redis::cmd(name),
            What::Script(script) if whole => redis::cmd("EVAL").arg(script.source).take(),
            What::Script(script) => redis::cmd("EVALSHA").arg(script.hashed.get_hash()).take(),
        };
        if let What::Script(_) = self.what {
            command.arg(self.keys.len());
        }
        command.arg(&self.keys).arg(&self.args);
        command
    }
}
