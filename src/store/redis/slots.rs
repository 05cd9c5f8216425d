//! The slot map of a cluster: which node serves which slot, as reported by `CLUSTER SLOTS`.

use redis::{ErrorKind, RedisError, RedisResult, Value, from_redis_value};

use super::options::Node;

/// The number of slots of a cluster.
const SLOTS: u16 = 16_384;

/// The slot of a key (Redis cluster specification, key distribution model).
pub(super) fn slot_of(key: &[u8]) -> u16 {
    crc16::State::<crc16::XMODEM>::calculate(hash_tag(key)) % SLOTS
}

/// The part of a key that determines its slot: the text between the first braces, if not empty (Redis cluster specification, hash
/// tags).
fn hash_tag(key: &[u8]) -> &[u8] {
    let tag = || {
        let start = key.iter().position(|byte| *byte == b'{')? + 1;
        let length = key[start..].iter().position(|byte| *byte == b'}')?;
        (length > 0).then(|| &key[start..start + length])
    };
    tag().unwrap_or(key)
}

/// All slots that a node serves.
#[derive(Debug, Default)]
pub(super) struct SlotMap {
    /// In ascending order, without overlap.
    ranges: Vec<SlotRange>,
}

#[derive(Debug)]
struct SlotRange {
    first: u16,
    last: u16,
    primary: Node,
    replicas: Vec<Node>,
}

impl SlotRange {
    /// The part on which nodes must agree. They may know different replicas.
    fn owner(&self) -> (u16, u16, &Node) {
        (self.first, self.last, &self.primary)
    }
}

impl SlotMap {
    /// Parses the response of `asked` to `CLUSTER SLOTS`.
    ///
    /// # Errors
    /// If the response is not in the documented form.
    pub(super) fn parse(answer: Value, asked: &Node) -> RedisResult<Self> {
        let rows: Vec<Vec<Value>> = from_redis_value(answer)?;
        let mut ranges =
            rows.into_iter().map(|row| parse_range(row, asked)).collect::<RedisResult<Vec<_>>>()?;
        ranges.sort_by_key(|range| range.first);
        Ok(Self { ranges })
    }

    /// The map that most nodes have reported. A node that is partitioned or has just started is outvoted.
    pub(super) fn agreed(mut reported: Vec<Self>) -> Option<Self> {
        reported.retain(|map| !map.ranges.is_empty());
        let votes = |map: &Self| reported.iter().filter(|other| other.owners().eq(map.owners())).count();
        // Ties are broken arbitrarily.
        let (elected, _) = reported.iter().enumerate().max_by_key(|(_, map)| votes(map))?;
        Some(reported.swap_remove(elected))
    }

    fn owners(&self) -> impl Iterator<Item = (u16, u16, &Node)> {
        self.ranges.iter().map(SlotRange::owner)
    }

    /// The primary that serves a slot.
    pub(super) fn primary_of(&self, slot: u16) -> Option<&Node> {
        let next = self.ranges.partition_point(|range| range.first <= slot);
        let range = &self.ranges[next.checked_sub(1)?];
        (slot <= range.last).then_some(&range.primary)
    }

    /// Every primary, without duplicates.
    pub(super) fn primaries(&self) -> Vec<Node> {
        let mut primaries: Vec<_> = self.ranges.iter().map(|range| range.primary.clone()).collect();
        primaries.sort_unstable();
        primaries.dedup();
        primaries
    }

    /// Every primary and replica. A node may appear several times.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.ranges.iter().flat_map(|range| std::iter::once(&range.primary).chain(&range.replicas))
    }
}

/// Parses a row: the first slot, the last slot, the primary, and any number of replicas.
fn parse_range(row: Vec<Value>, asked: &Node) -> RedisResult<SlotRange> {
    let mut row = row.into_iter();
    let mut slot = || row.next().ok_or_else(unexpected).and_then(number);
    let (first, last) = (slot()?, slot()?);
    let mut nodes = row.map(|node| parse_node(node, asked)).collect::<RedisResult<Vec<_>>>()?.into_iter();
    let primary = nodes.next().ok_or_else(unexpected)?;
    Ok(SlotRange { first, last, primary, replicas: nodes.collect() })
}

/// Parses a node: the host, the port, and more. A missing host means the node that was asked.
fn parse_node(node: Value, asked: &Node) -> RedisResult<Node> {
    let mut parts = from_redis_value::<Vec<Value>>(node)?.into_iter();
    let host: Option<String> = from_redis_value(parts.next().ok_or_else(unexpected)?)?;
    let port = parts.next().ok_or_else(unexpected).and_then(number)?;
    let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| asked.host.clone());
    Ok(Node { host, port })
}

/// Converts with a range check. The library's own conversion to `u16` truncates.
fn number(value: Value) -> RedisResult<u16> {
    u16::try_from(from_redis_value::<i64>(value)?).map_err(|_| unexpected())
}

fn unexpected() -> RedisError {
    (ErrorKind::UnexpectedReturnType, "unexpected response to CLUSTER SLOTS").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(port: u16) -> Node {
        Node { host: "10.0.0.1".to_owned(), port }
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn row(first: i64, last: i64, ports: &[u16]) -> Value {
        let nodes = ports.iter().map(|port| {
            Value::Array(vec![text("10.0.0.1"), Value::Int((*port).into()), text("id"), Value::Array(vec![])])
        });
        Value::Array([Value::Int(first), Value::Int(last)].into_iter().chain(nodes).collect())
    }

    fn map(rows: Vec<Value>) -> SlotMap {
        SlotMap::parse(Value::Array(rows), &node(1)).expect("a slot map")
    }

    #[test]
    fn a_key_has_the_slot_of_its_hash_tag() {
        // The specification's own example.
        assert_eq!(slot_of(b"123456789"), 0x31C3);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"user1000"));
        assert_eq!(slot_of(b"foo{}{bar}"), crc16::State::<crc16::XMODEM>::calculate(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot_of(b"foo{{bar}}zap"), slot_of(b"{bar"));
    }

    #[test]
    fn a_slot_maps_to_the_primary_of_its_range() {
        let map = map(vec![row(8_000, 16_383, &[2]), row(0, 5_000, &[1, 3])]);
        let primary_of = |slot| map.primary_of(slot).map(|node| node.port);
        assert_eq!([0, 5_000, 8_000, 16_383].map(primary_of), [Some(1), Some(1), Some(2), Some(2)]);
        assert_eq!([5_001, 7_999].map(primary_of), [None, None]);
        assert_eq!(map.primaries(), [node(1), node(2)]);
        assert_eq!(map.nodes().count(), 3);
        assert_eq!(SlotMap::default().primary_of(7), None);
    }

    #[test]
    fn a_missing_host_means_the_node_that_was_asked() {
        for host in [Value::Nil, text("")] {
            let row =
                Value::Array(vec![Value::Int(0), Value::Int(1), Value::Array(vec![host, Value::Int(7)])]);
            let asked = Node { host: "redis-1".to_owned(), port: 6_379 };
            let map = SlotMap::parse(Value::Array(vec![row]), &asked).expect("a slot map");
            assert_eq!(map.primaries(), [Node { host: "redis-1".to_owned(), port: 7 }]);
        }
    }

    #[test]
    fn an_invalid_response_is_an_error() {
        let incomplete = [
            Value::Okay,
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![row(0, 1, &[])]),
            Value::Array(vec![row(0, 70_000, &[1])]),
            Value::Array(vec![Value::Array(vec![Value::Int(0)])]),
        ];
        for answer in incomplete {
            SlotMap::parse(answer.clone(), &node(1)).expect_err(&format!("{answer:?}"));
        }
    }

    #[test]
    fn a_partitioned_or_new_node_is_outvoted() {
        let old = || map(vec![row(0, 16_383, &[1])]);
        // They know different replicas but agree on the primary.
        let new = [map(vec![row(0, 16_383, &[2])]), map(vec![row(0, 16_383, &[2, 3])])];
        let reported = std::iter::once(old()).chain(new).chain([SlotMap::default(), SlotMap::default()]);
        let agreed = SlotMap::agreed(reported.collect()).expect("a majority");
        assert_eq!(agreed.primaries(), [node(2)]);
        assert!(SlotMap::agreed(vec![SlotMap::default()]).is_none());
    }
}
