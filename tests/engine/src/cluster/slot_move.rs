//! The migration of a slot from one primary to another.

use crate::{
    Cluster, Reply, Server,
    cluster::ok,
    options::{PASSWORD, USER},
};

/// The timeout for one key, in milliseconds.
const PATIENCE: &str = "60000";

/// A slot that is being migrated: the old primary serves the keys that it still has; the new one serves the moved keys to
/// clients that the old one redirects with `ASK`.
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
        // In this order. Otherwise the new primary would reject clients that arrive with an `ASK` redirection.
        ok(&begun.set_slot(begun.target(), "IMPORTING", &cluster.ids[begun.from]));
        ok(&begun.set_slot(begun.source(), "MIGRATING", &cluster.ids[to]));
        begun
    }

    /// Moves at most this many keys and returns how many were moved.
    ///
    /// # Panics
    ///
    /// Panics if a primary returns an error.
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

    /// Moves the remaining keys and assigns the slot to the new primary. Every node knows the new owner when this returns.
    ///
    /// # Panics
    ///
    /// Panics if a primary returns an error.
    pub fn finish(self) {
        while self.move_keys(1000) > 0 {}
        // The new owner first, so that the slot always has an owner.
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
