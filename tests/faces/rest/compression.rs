//! Compressed request bodies.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use crate::support::{
    rest::{DEVICE_INFO, Device},
    test_server::TestServer,
};

const CREATE: &str = "/reggie/v1/REF/regcode.json";

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).expect("compresses");
    encoder.finish().expect("compresses")
}

#[tokio::test]
async fn gzip_forms_are_accepted_and_limited_by_their_decompressed_size() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    let create = || device.call("POST", CREATE).header("X-Device-Info", DEVICE_INFO);
    let created = create().header("content-encoding", "gzip").form(gzip(b"deviceId=packed")).send().await;
    assert!(created.json(201)["code"].is_string());
    let bomb = [&b"deviceId="[..], &vec![b'x'; 100_000_000]].concat();
    let refused = create().header("content-encoding", "gzip").form(gzip(&bomb)).send().await;
    assert!(refused.error(413).contains("bytes"));
    let broken = create().header("content-encoding", "gzip").form("deviceId=plain").send().await;
    assert!(broken.error(400).contains("gzip"));
}

#[tokio::test]
async fn another_content_coding_is_refused_and_the_error_names_gzip() {
    let server = TestServer::start();
    let device = Device::of(&server).await;
    for coding in ["br", "zstd", "deflate"] {
        let call = device.call("POST", CREATE).header("X-Device-Info", DEVICE_INFO);
        let refused = call.header("content-encoding", coding).form("deviceId=device").send().await;
        assert!(refused.error(415).contains("gzip"), "{coding}");
        assert_eq!(refused.header("accept-encoding"), "gzip");
    }
}
