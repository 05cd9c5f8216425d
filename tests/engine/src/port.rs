//! Reserved free ports: no other process takes them between the check and the bind, or while a server is down.

use std::{
    collections::VecDeque,
    net::TcpListener,
    sync::{LazyLock, Mutex},
};

/// Both these ports and their bus ports lie below the kernel's ephemeral ports (32 768 to 60 999).
const FIRST: u16 = 12_000;
/// The default offset of a node's cluster bus port in Redis.
pub(crate) const BUS: u16 = 10_000;
const BLOCK: u16 = 50;
const BLOCKS: u16 = BUS / BLOCK;

/// A port and its bus port, reserved for this process until dropped.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
}

/// Ports are reserved in blocks. The process that listens on the first port of a block owns the block; the kernel releases it
/// when the process ends for any reason.
#[derive(Default)]
struct Pool {
    blocks: Vec<TcpListener>,
    free: VecDeque<u16>,
    /// The next block to try.
    next: u16,
}

static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(|| {
    let next = u16::try_from(std::process::id() % u32::from(BLOCKS)).expect("less than BLOCKS");
    Mutex::new(Pool { next, ..Pool::default() })
});

impl Port {
    /// Returns a port without a listener.
    pub(crate) fn reserve() -> Self {
        let mut pool = POOL.lock().expect("not poisoned");
        let number = loop {
            match pool.free.pop_front() {
                Some(number) if is_free(number) && is_free(number + BUS) => break number,
                Some(_) => {}
                None => pool.take_block(),
            }
        };
        Self { number }
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // Reused last, so that clients of the old server do not reach the next one.
        POOL.lock().expect("not poisoned").free.push_back(self.number);
    }
}

impl Pool {
    fn take_block(&mut self) {
        for _ in 0..BLOCKS {
            let first = FIRST + self.next * BLOCK;
            self.next = (self.next + 1) % BLOCKS;
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", first)) {
                self.blocks.push(listener);
                self.free.extend(first + 1..first + BLOCK);
                return;
            }
        }
        panic!("no free ports from {FIRST} to {}", FIRST + BUS - 1);
    }
}

fn is_free(number: u16) -> bool {
    TcpListener::bind(("127.0.0.1", number)).is_ok()
}
