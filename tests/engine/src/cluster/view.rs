//! One node's view of another: a line of `CLUSTER NODES`.

use std::ops::RangeInclusive;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct NodeView {
    pub(super) id: String,
    /// Whether the line describes the node itself.
    pub(super) myself: bool,
    /// The primary of a replica.
    pub(super) primary: Option<String>,
    /// The configuration epoch. The node with the highest epoch owns a slot.
    pub(super) epoch: u64,
    pub(super) slots: Vec<RangeInclusive<u16>>,
    has_hostname: bool,
    /// Whether the node is neither in a handshake nor suspected.
    is_well: bool,
    is_connected: bool,
}

/// Parses the whole reply.
pub(super) fn parse_nodes(text: &str) -> Vec<NodeView> {
    text.lines().map(|line| parse_line(line).unwrap_or_else(|| panic!("not a node: {line}"))).collect()
}

/// `ID ADDRESS FLAGS PRIMARY PING PONG EPOCH LINK SLOT...`
fn parse_line(line: &str) -> Option<NodeView> {
    let mut words = line.split(' ');
    let id = words.next()?.to_owned();
    let address = words.next()?;
    let flags: Vec<_> = words.next()?.split(',').collect();
    let primary = Some(words.next()?).filter(|&id| id != "-").map(str::to_owned);
    let mut words = words.skip(2);
    let epoch = words.next()?.parse().ok()?;
    let is_connected = words.next()? == "connected";
    // Slots that are being imported or migrated are in brackets.
    let slots = words.filter(|word| !word.starts_with('[')).map(parse_range).collect::<Option<_>>()?;
    Some(NodeView {
        id,
        myself: flags.contains(&"myself"),
        primary,
        epoch,
        slots,
        has_hostname: address.split(',').nth(1).is_some_and(|hostname| !hostname.is_empty()),
        is_well: !flags.iter().any(|flag| ["handshake", "noaddr", "fail", "fail?"].contains(flag)),
        is_connected,
    })
}

fn parse_range(word: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

impl NodeView {
    pub(super) fn slot_count(&self) -> usize {
        self.slots.iter().map(RangeInclusive::len).sum()
    }

    /// Whether everything that clients receive about the node is known.
    pub(super) fn is_settled(&self, hostnames: bool) -> bool {
        self.is_well && self.is_connected && (self.has_hostname || !hostnames)
    }
}
