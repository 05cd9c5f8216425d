use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// A public key, from the example of RFC 7517, appendix A.1.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"1"}"#;

fn answer(status: &str, body: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()))
}

/// The URL of a server that sends this response, or none at all.
async fn served(answer: Option<String>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accepts");
        let mut asked = [0; 1024];
        let _ = stream.read(&mut asked).await;
        match answer {
            // The client disconnects when the response is too large.
            Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
            None => std::future::pending().await,
        }
    });
    Url::parse(&format!("http://{address}/keys")).expect("a URL")
}

async fn read(url: &Url, token_file: Option<&str>) -> Result<ServedKeys, String> {
    let place = KeySetLocation { url: url.clone(), ca: None, token_file: token_file.map(PathBuf::from) };
    JwksClient::new(place).expect("a client").read().await
}

#[tokio::test]
async fn a_response_without_a_key_set_is_reported_with_the_url() {
    for (served_as, expected) in [
        (
            answer("200 OK", "<html><body>Welcome</body></html>"),
            "is not a JWK Set, {\"keys\": […]} (RFC 7517)",
        ),
        (answer("200 OK", &"x".repeat(10 << 20)), "has more than 262144 bytes"),
        (answer("200 OK", &format!("{{\"keys\":[{KEY},{KEY}]}}")), "has two keys with the kid \"1\""),
        (answer("200 OK", "{\"keys\":[]}"), "has no usable key"),
        (answer("404 Not Found", ""), "responded with 404 Not Found"),
        (answer("302 Found", ""), "responded with 302 Found"),
        (answer("401 Unauthorized", ""), "responded with 401 Unauthorized; it requires a token"),
        (Some("no HTTP at all".to_owned()), "invalid HTTP version"),
    ] {
        let url = served(served_as).await;
        let error = read(&url, None).await.expect_err(expected);
        assert!(error.contains(expected) && error.contains(url.as_str()), "{expected}: {error}");
    }
    let url = served(answer("200 OK", &format!("{{\"keys\":[{KEY}]}}"))).await;
    assert_eq!(read(&url, None).await.expect("reads").set.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_url_that_does_not_respond_times_out() {
    let url = served(None).await;
    let error = read(&url, None).await.expect_err("gives up");
    assert!(error.contains("timed out") && error.contains(url.as_str()), "{error}");
}

#[tokio::test]
async fn an_unusable_token_is_reported_with_its_file() {
    let url = served(None).await;
    let error = read(&url, Some("/nowhere/token")).await.expect_err("is refused");
    assert!(error.contains("/nowhere/token cannot be read"), "{error}");
    let file = tempfile::NamedTempFile::new().expect("a file");
    for text in ["two\nlines", "", "\u{7f}"] {
        fs::write(file.path(), text).expect("written");
        let error = read(&url, file.path().to_str()).await.expect_err("is refused");
        assert!(
            error.contains("contains no token") && error.contains(&file.path().display().to_string()),
            "{error}"
        );
    }
}
