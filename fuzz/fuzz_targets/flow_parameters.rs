#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| passbridge::fuzzing::run(env!("CARGO_BIN_NAME"), input));
