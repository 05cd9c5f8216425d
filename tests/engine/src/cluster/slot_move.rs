//! A slot on its way from one primary to another.

use crate::{
    Cluster, Reply, Server,
    cluster::ok,
    options::{PASSWORD, USER},
};

/// How long one key may take, in milliseconds.
const PATIENCE: &str = "60000";

/// A slot that two primaries share: the old one serves the keys that it still has, the new one those that have been moved, to
/// clients that the old one has sent with `ASK`.
#[derive(Debug)]
pub struct SlotMove<'a> {
    cluster: &'a Cluster,
    slot: String,
    from: usize,
    to: usize,
}

impl<'a> SlotMove<'a> {
    pub(super) fn begin(cluster: &'a Cluster, slot: u16, to: usize) -> Self {
        let begun = Self { cluster, from: cluster.primary_of(slot), to, slot: slot.to_string() };
        // In this order, or the new one would send those away who come with an ASK.
        ok(&begun.set_slot(begun.target(), "IMPORTING", &cluster.ids[begun.from]));
        ok(&begun.set_slot(begun.source(), "MIGRATING", &cluster.ids[to]));
        begun
    }

    /// Moves up to this many keys, and tells how many that were.
    ///
    /// # Panics
    ///
    /// Where the primaries refuse.
    pub fn move_keys(&self, count: usize) -> usize {
        let keys = self.source().command(&["CLUSTER", "GETKEYSINSLOT", &self.slot, &count.to_string()]);
        let keys = keys.elements();
        if keys.is_empty() {
            return 0;
        }
        let port = self.target().address().port().to_string();
        let mut migrate: Vec<&[u8]> =
            ["MIGRATE", "127.0.0.1", &port, "", "0", PATIENCE, "AUTH2", USER, PASSWORD, "KEYS"]
                .map(str::as_bytes)
                .into();
        migrate.extend(keys.iter().map(|key| match key {
            Reply::Bytes(bytes) => bytes.as_slice(),
            other => panic!("not a key: {other:?}"),
        }));
        let moved = self.source().command(&migrate);
        assert!(!matches!(moved, Reply::Error(_)), "{moved:?}");
        keys.len()
    }

    /// Moves the rest, gives the slot to the new primary, and returns when every node knows it.
    ///
    /// # Panics
    ///
    /// Where the primaries refuse.
    pub fn finish(self) {
        while self.move_keys(1000) > 0 {}
        // First who gets it, so that there is always somebody who serves it.
        let primaries = [self.target(), self.source()];
        for node in primaries {
            ok(&self.set_slot(node, "NODE", &self.cluster.ids[self.to]));
        }
        self.cluster.wait_until_ok();
    }

    fn set_slot(&self, at: &Server, what: &str, node: &str) -> Reply {
        at.command(&["CLUSTER", "SETSLOT", &self.slot, what, node])
    }

    fn source(&self) -> &'a Server {
        &self.cluster.nodes[self.from]
    }

    fn target(&self) -> &'a Server {
        &self.cluster.nodes[self.to]
    }
}
