//! A viewer's browser, which follows the provider's and the operator's pages of the mock provider.

use crate::support::{Bridge, http::call};

/// Opens a page of the mock provider and follows redirects: returns the last page, or the first address elsewhere as an error.
async fn browse(bridge: &Bridge, method: &str, url: &str, form: &str) -> Result<String, String> {
    let (mut method, mut url, mut form) = (method, url.to_owned(), form.to_owned());
    for _ in 0..10 {
        let origin = bridge.provider.url();
        let path = url.strip_prefix(&origin).unwrap_or(&url);
        if !path.starts_with('/') {
            return Err(url);
        }
        let answer = call(bridge.provider.address(), method, path).form(form).send().await;
        if answer.status != 302 {
            assert!(answer.status.is_success(), "{answer:?}");
            return Ok(answer.body);
        }
        (method, form) = ("GET", String::new());
        url = answer.header("location").to_owned();
    }
    panic!("too many redirects");
}

/// The operator's login page, open in the browser.
pub struct Page {
    action: String,
    state: String,
}

/// Opens the start page of a login, which redirects to the operator's page.
pub async fn open(bridge: &Bridge, url: &str) -> Page {
    assert!(url.starts_with(&bridge.provider.url()), "not at the provider: {url}");
    let page = browse(bridge, "GET", url, "").await.expect("the operator's page");
    let after = |mark: &str| page.split_once(mark).and_then(|(_, rest)| rest.split_once('"')).expect(mark).0;
    Page { action: after(r#"action=""#).to_owned(), state: after(r#"name="RelayState" value=""#).to_owned() }
}

impl Page {
    /// Logs the viewer `ann` in and returns the browser's final address.
    pub async fn submit(self, bridge: &Bridge) -> String {
        let form = format!("RelayState={}&username=ann&password=right", self.state);
        browse(bridge, "POST", &self.action, &form).await.expect_err("redirects back to the page")
    }
}

/// Logs the viewer `ann` in, starting at this login URL, and returns the browser's final address.
pub async fn log_in(bridge: &Bridge, url: &str) -> String {
    open(bridge, url).await.submit(bridge).await
}
