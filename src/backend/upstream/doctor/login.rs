//! Examines a login as far as possible without a viewer: from the choice of an operator to the provider's redirect to it.

use http::{HeaderName, Method, header::LOCATION};
use reqwest::Url;

use super::{DEVICE_ADDRESS, UpstreamDoctor, broken, failed, fine};
use crate::{
    backend::upstream::{
        call::{ProviderCall, ProviderResponse},
        failure::refusal,
    },
    domain::{
        backend::{EntitlementBackend, Finding, FindingStatus},
        call::CallContext,
        entitlement::{LoginRequest, LoginStart, RequestorConfiguration},
        error::Error,
        id::MvpdId,
        registration_code::CodeKey,
    },
};

const ACCEPT: HeaderName = http::header::ACCEPT;

/// The operator and the domain of a login.
struct LoginTarget {
    mvpd: MvpdId,
    domain_name: String,
}

impl UpstreamDoctor {
    /// Starts a login with a code, and checks where the provider redirects the browser. No viewer is logged in.
    pub(super) async fn log_in(&self, code: CodeKey, domain_name: Option<&str>) -> Vec<Finding> {
        let backend = self.0.backends().v2;
        let entitlements = match backend.entitlements() {
            Ok(entitlements) => entitlements,
            Err(error) => return vec![failed("operators", &error)],
        };
        let context = CallContext::default();
        let configuration = match entitlements.configuration(&context, &code.place()).await {
            Ok(configuration) => configuration,
            Err(error) => return vec![failed("operators", &error)],
        };
        let mut findings = Vec::new();
        if let Some(choice) = choose(&configuration, domain_name, &mut findings)
            && let Some(url) = start(entitlements, &context, code, choice, &mut findings).await
        {
            findings.push(self.follow(&url).await);
        }
        findings
    }

    /// Requests the page as a browser does. Does not follow the redirect: the operator's page is for a viewer.
    async fn follow(&self, url: &str) -> Finding {
        let step = "redirect";
        let provider = &self.0.inner.options.url;
        let Some(url) = Url::parse(url).ok().filter(|url| url.origin() == provider.origin()) else {
            let seen = "the login page is not at the origin of the provider's API, so it was not checked";
            return Finding { condition: FindingStatus::Odd, ..fine(step, seen.to_owned()) };
        };
        let call = ProviderCall::new(Method::GET, url.path().to_owned()).header(ACCEPT, "text/html");
        let call = ProviderCall { query: url.query().unwrap_or_default().to_owned(), ..call };
        match self.0.inner.http.send(&CallContext::default(), &call).await {
            Ok(answer) if answer.status.is_redirection() => sent_on(&answer, &url),
            Ok(answer) if answer.status.is_success() => {
                let seen = format!(
                    "the browser receives a page with status {} instead of a redirect",
                    answer.status.as_u16()
                );
                Finding { condition: FindingStatus::Odd, ..fine(step, seen) }
            }
            Ok(answer) => failed(step, &refusal(&answer, false)),
            Err(error) => failed(step, &error),
        }
    }
}

/// Chooses the first operator with which a viewer can log in, and the domain of the login.
fn choose(
    configuration: &RequestorConfiguration,
    configured: Option<&str>,
    findings: &mut Vec<Finding>,
) -> Option<LoginTarget> {
    let RequestorConfiguration { mvpds, domains, .. } = configuration;
    let temp_passes = mvpds.iter().filter(|mvpd| mvpd.is_temp_pass).count();
    let seen = format!(
        "operators: {}, TempPasses: {temp_passes}, registered domains: {}",
        mvpds.len() - temp_passes,
        domains.len()
    );
    let Some(mvpd) = mvpds.iter().find(|mvpd| !mvpd.is_temp_pass) else {
        let remedy =
            "Have the provider integrate operators with the requestor, and check the requestor's id.";
        findings.push(broken("operators", seen, remedy));
        return None;
    };
    findings.push(fine("operators", seen));
    let Some(domain_name) = configured.or(domains.first().map(String::as_str)) else {
        let remedy = "Have the provider register the domain of the page where viewers enter codes.";
        findings.push(broken("domain", "no domain is registered for the requestor".to_owned(), remedy));
        return None;
    };
    findings.push(if domains.iter().any(|domain| domain.eq_ignore_ascii_case(domain_name)) {
        fine("domain", format!("{domain_name} is registered"))
    } else {
        let seen = format!("domain_name {domain_name} is not among the registered domains");
        let remedy =
            "Have the provider register it, or configure a registered one. Logins from an unregistered domain may be refused.";
        Finding { condition: FindingStatus::Odd, ..broken("domain", seen, remedy) }
    });
    Some(LoginTarget { mvpd: mvpd.id.clone(), domain_name: domain_name.to_owned() })
}

/// Starts the login. Returns the URL for the browser.
async fn start(
    entitlements: &dyn EntitlementBackend,
    context: &CallContext,
    key: CodeKey,
    choice: LoginTarget,
    findings: &mut Vec<Finding>,
) -> Option<String> {
    let LoginTarget { mvpd, domain_name } = choice;
    let request = LoginRequest {
        key,
        mvpd: Some(mvpd.clone()),
        redirect_url: format!("https://{domain_name}/"),
        domain_names: vec![domain_name],
        address: Some(std::net::IpAddr::from(DEVICE_ADDRESS).into()),
    };
    let step = "login";
    match entitlements.start_login(context, &request).await {
        Ok(Some(LoginStart::Login { url })) => {
            findings.push(fine(step, format!("the login with {mvpd} starts")));
            return Some(url);
        }
        Ok(Some(LoginStart::AlreadyAuthenticated { .. })) => {
            findings.push(fine(step, format!("{mvpd} requires no login at the moment")));
        }
        Ok(Some(LoginStart::Incomplete { missing })) => {
            let seen = format!("the login with {mvpd} lacks: {}", missing.join(", "));
            let remedy = "Compare the requestor's domain_name with the domains registered at the provider.";
            findings.push(broken(step, seen, remedy));
        }
        Ok(None) => findings.push(failed(step, &Error::CodeNotFound(Default::default()))),
        Err(error) => findings.push(failed(step, &error)),
    }
    None
}

fn sent_on(answer: &ProviderResponse, from: &Url) -> Finding {
    let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
    // The rest of the URL may contain credentials of the login.
    let host = location.and_then(|location| from.join(location).ok()?.host_str().map(ToOwned::to_owned));
    match host {
        Some(host) => fine("redirect", format!("the browser is redirected to {host}")),
        None => {
            let remedy = "Report it to the provider: a browser cannot continue.";
            broken("redirect", "the redirect has no usable Location header".to_owned(), remedy)
        }
    }
}
