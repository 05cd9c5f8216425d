//! A login as far as it goes without a viewer: from the choice of an operator to where the browser is sent from the provider.

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

/// What a browser asks for.
const ACCEPT: HeaderName = http::header::ACCEPT;

/// Where a login is begun from, and with whom.
struct LoginTarget {
    mvpd: MvpdId,
    domain_name: String,
}

impl UpstreamDoctor {
    /// Begins a login with a code, and looks where the provider sends the browser. Nobody is logged in by it.
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

    /// What a browser gets that goes there. It is followed no further: the operator's page is for a viewer.
    async fn follow(&self, url: &str) -> Finding {
        let step = "redirect";
        let provider = &self.0.inner.options.url;
        let Some(url) = Url::parse(url).ok().filter(|url| url.origin() == provider.origin()) else {
            let seen = "the browser goes to another origin than the provider's API; it was not looked at";
            return Finding { condition: FindingStatus::Odd, ..fine(step, seen.to_owned()) };
        };
        let call = ProviderCall::new(Method::GET, url.path().to_owned()).header(ACCEPT, "text/html");
        let call = ProviderCall { query: url.query().unwrap_or_default().to_owned(), ..call };
        match self.0.inner.http.send(&CallContext::default(), &call).await {
            Ok(answer) if answer.status.is_redirection() => sent_on(&answer, &url),
            Ok(answer) if answer.status.is_success() => {
                let seen = format!(
                    "the browser gets a page with the status {}, and no redirect",
                    answer.status.as_u16()
                );
                Finding { condition: FindingStatus::Odd, ..fine(step, seen) }
            }
            Ok(answer) => failed(step, &refusal(&answer, false)),
            Err(error) => failed(step, &error),
        }
    }
}

/// The first operator that a viewer can log in with, and the domain to begin from.
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
            "Have the provider integrate operators with the requestor, and compare the requestor's id.";
        findings.push(broken("operators", seen, remedy));
        return None;
    };
    findings.push(fine("operators", seen));
    let Some(domain_name) = configured.or(domains.first().map(String::as_str)) else {
        let remedy = "Have the provider register the domain of the page where viewers type codes.";
        findings.push(broken("domain", "no domain is registered for the requestor".to_owned(), remedy));
        return None;
    };
    findings.push(if domains.iter().any(|domain| domain.eq_ignore_ascii_case(domain_name)) {
        fine("domain", format!("{domain_name} is registered"))
    } else {
        let seen = format!("domain_name, {domain_name}, is none of those that are registered");
        let remedy =
            "Have the provider register it, or configure one that is: logins from a domain that is not registered may be refused.";
        Finding { condition: FindingStatus::Odd, ..broken("domain", seen, remedy) }
    });
    Some(LoginTarget { mvpd: mvpd.id.clone(), domain_name: domain_name.to_owned() })
}

/// Where the browser goes.
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
            findings.push(fine(step, format!("it begins with {mvpd}")));
            return Some(url);
        }
        Ok(Some(LoginStart::AlreadyAuthenticated { .. })) => {
            findings.push(fine(step, format!("with {mvpd} nobody has to log in at the moment")));
        }
        Ok(Some(LoginStart::Incomplete { missing })) => {
            let seen = format!("with {mvpd} it needs more: {}", missing.join(", "));
            let remedy = "Compare the requestor's domain_name with what the provider has registered.";
            findings.push(broken(step, seen, remedy));
        }
        Ok(None) => findings.push(failed(step, &Error::CodeNotFound(Default::default()))),
        Err(error) => findings.push(failed(step, &error)),
    }
    None
}

fn sent_on(answer: &ProviderResponse, from: &Url) -> Finding {
    let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
    // What follows the host may hold what lets somebody log in.
    let host = location.and_then(|location| from.join(location).ok()?.host_str().map(ToOwned::to_owned));
    match host {
        Some(host) => fine("redirect", format!("the browser is sent on to {host}")),
        None => {
            let remedy = "Ask the provider: a browser cannot go on.";
            broken("redirect", "the browser is sent on, and not told where".to_owned(), remedy)
        }
    }
}
