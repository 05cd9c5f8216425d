//! Free ports that nobody else takes between looking and listening, nor while a server is down.

use std::{
    collections::VecDeque,
    net::TcpListener,
    sync::{LazyLock, Mutex},
};

/// Below the ports that the kernel gives to outgoing connections (32 768 to 60 999), as are the bus ports above them.
const FIRST: u16 = 12_000;
/// What lies between a node's port and that of its cluster bus, as Redis has it where it is not told.
pub(crate) const BUS: u16 = 10_000;
const BLOCK: u16 = 50;
const BLOCKS: u16 = BUS / BLOCK;

/// A port of this process, with the one of its bus, until this is dropped.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
}

/// Ports are taken a block at a time. Who listens on a block's first port has the rest of it; the kernel gives it back when the
/// process ends, whatever ends it.
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
    /// One on which nobody listens.
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
        // Last in line, so that who still calls the old server does not reach the next one.
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
