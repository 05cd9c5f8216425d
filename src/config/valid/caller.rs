//! What the configuration says of callers of gRPC.

use std::{collections::HashMap, sync::Arc};

use super::Environments;
use crate::{
    config::{CallerEntry, Jwt, JwtSubject},
    domain::{
        authentication::AuthenticationProblem,
        caller::{Caller, Permission, Scope},
        credential::{Credential, SubjectPattern, TokenHash},
        error::{Violation, Violations},
        id::{EnvironmentName, RequestorId},
    },
};

/// What is said of an entry by which nobody would be known.
const NEEDS_PROOF: &str = "needs what the caller is known by: token_hash or jwt";

/// What is said of an entry by which it would not be clear who is known.
const ONE_PROOF: &str =
    "has token_hash and jwt; keep one, and give the other an entry of its own with the same name";

/// The longest name of a caller, in bytes.
const NAME_MAX: usize = 128;

/// The callers that are listed, by what they are known by.
#[derive(Debug, Clone, Default)]
pub struct CallerPolicy {
    tokens: HashMap<TokenHash, Caller>,
    /// By issuer.
    subjects: HashMap<Box<str>, Subjects>,
}

/// The callers of an issuer.
#[derive(Debug, Clone, Default)]
struct Subjects {
    exact: HashMap<Box<str>, Caller>,
    /// No two of them mean the same subject.
    patterns: Vec<(SubjectPattern, Caller)>,
}

/// What entries have been listed with so far, and which ones: to name the entry that a later one repeats.
#[derive(Default)]
struct Listed<'a> {
    tokens: HashMap<TokenHash, usize>,
    subjects: HashMap<(&'a str, &'a str), usize>,
    patterns: Vec<(&'a str, SubjectPattern, usize)>,
}

impl CallerPolicy {
    pub(super) fn new(
        config: &[CallerEntry],
        issuers: &[Jwt],
        environments: &Environments,
    ) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let mut policy = Self::default();
        let mut listed = Listed::default();
        for (index, entry) in config.iter().enumerate() {
            let path = format!("callers[{index}]");
            let caller = violations.take_all(caller(&path, entry, environments));
            let known = match (&entry.token_hash, &entry.jwt) {
                (Some(hash), None) => policy.add_token(&path, index, hash, caller, &mut listed),
                (None, Some(jwt)) => policy.add_subject(&path, index, jwt, caller, issuers, &mut listed),
                (None, None) => Err(Violation::new(&path, NEEDS_PROOF)),
                (Some(_), Some(_)) => Err(Violation::new(&path, ONE_PROOF)),
            };
            violations.take(known);
        }
        violations.none_or(policy)
    }

    fn add_token(
        &mut self,
        path: &str,
        index: usize,
        text: &str,
        caller: Option<Caller>,
        listed: &mut Listed<'_>,
    ) -> Result<(), Violation> {
        let field = format!("{path}.token_hash");
        let hash = TokenHash::parse(&field, text)?;
        if let Some(other) = listed.tokens.insert(hash, index) {
            return Err(Violation::new(field, format!("is that of callers[{other}] already")));
        }
        self.tokens.extend(caller.map(|caller| (hash, caller)));
        Ok(())
    }

    fn add_subject<'a>(
        &mut self,
        path: &str,
        index: usize,
        jwt: &'a JwtSubject,
        caller: Option<Caller>,
        issuers: &[Jwt],
        listed: &mut Listed<'a>,
    ) -> Result<(), Violation> {
        let JwtSubject { issuer, subject } = jwt;
        let field = format!("{path}.jwt.issuer");
        check_issuer(&field, issuer, issuers)?;
        let field = format!("{path}.jwt.subject");
        let pattern = SubjectPattern::parse(&field, subject)?;
        if let Some(other) = listed.subjects.insert((issuer, subject), index) {
            return Err(Violation::new(field, format!("is that of callers[{other}] already")));
        }
        let subjects = self.subjects.entry(issuer.as_str().into()).or_default();
        if pattern.is_exact() {
            subjects.exact.extend(caller.map(|caller| (subject.as_str().into(), caller)));
            return Ok(());
        }
        let overlaps =
            |(other, listed, _): &&(&str, SubjectPattern, usize)| other == issuer && pattern.overlaps(listed);
        if let Some((_, _, other)) = listed.patterns.iter().find(overlaps) {
            let text =
                format!("means subjects that callers[{other}] means too, and each may mean one caller alone");
            return Err(Violation::new(field, text));
        }
        listed.patterns.push((issuer, pattern.clone(), index));
        subjects.patterns.extend(caller.map(|caller| (pattern, caller)));
        Ok(())
    }

    /// The caller that is known by this.
    ///
    /// # Errors
    /// Where nobody is.
    pub(crate) fn caller(&self, credential: Arc<Credential>) -> Result<Caller, AuthenticationProblem> {
        let caller = match &*credential {
            Credential::Token(hash) => self.tokens.get(hash),
            Credential::Subject { issuer, subject } => {
                self.subjects.get(&**issuer).and_then(|subjects| subjects.caller(subject))
            }
        };
        let caller = caller.ok_or(AuthenticationProblem::CallerUnknown)?;
        Ok(caller.clone().known_by(credential))
    }
}

impl Subjects {
    fn caller(&self, subject: &str) -> Option<&Caller> {
        self.exact.get(subject).or_else(|| {
            let mut patterns = self.patterns.iter();
            patterns.find(|(pattern, _)| pattern.matches(subject)).map(|(_, caller)| caller)
        })
    }
}

fn check_issuer(field: &str, issuer: &str, issuers: &[Jwt]) -> Result<(), Violation> {
    if issuers.iter().any(|jwt| jwt.issuer == issuer) {
        return Ok(());
    }
    let known: Vec<_> = issuers.iter().map(|jwt| format!("{:?}", jwt.issuer)).collect();
    let known =
        if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
    Err(Violation::new(field, format!("{issuer:?} is the issuer of no [[grpc.jwt]]; {known}")))
}

/// A caller, and what it may do.
fn caller(path: &str, entry: &CallerEntry, environments: &Environments) -> Result<Caller, Vec<Violation>> {
    let mut violations = Violations::default();
    let CallerEntry { name, token_hash: _, jwt: _, requestors, environments: named, permissions } = entry;
    if name.is_empty() {
        violations.add(&format!("{path}.name"), "is required: what the audit log knows the caller by");
    }
    violations.check_text(&format!("{path}.name"), name, NAME_MAX);
    let field = format!("{path}.environments");
    let parse = |text: &String| violations.take(known_environment(&field, text, environments));
    let named: Vec<EnvironmentName> = named.iter().filter_map(parse).collect();
    let field = format!("{path}.requestors");
    let parse = |text: &String| violations.take(known_requestor(&field, text, &named, environments));
    let requestors: Vec<RequestorId> = requestors.iter().filter_map(parse).collect();
    let field = format!("{path}.permissions");
    let parse = |text: &String| violations.take(Permission::parse(&field, text));
    let permissions: Vec<Permission> = permissions.iter().filter_map(parse).collect();
    let caller = Caller::new(name.as_str(), scope(requestors), scope(named), permissions);
    violations.none_or(caller)
}

fn scope<T: Ord>(names: Vec<T>) -> Scope<T> {
    if names.is_empty() { Scope::Any } else { Scope::Only(names.into_iter().collect()) }
}

fn known_environment(
    field: &str,
    text: &str,
    environments: &Environments,
) -> Result<EnvironmentName, Violation> {
    let name = EnvironmentName::parse(field, text)?;
    if environments.get(&name).is_some() {
        return Ok(name);
    }
    let known: Vec<_> = environments.names().map(EnvironmentName::as_str).collect();
    Err(Violation::new(field, format!("{text:?} is unknown; the environments are {}", known.join(", "))))
}

/// The requestor, where one of the named environments takes it; of all environments where none is named.
fn known_requestor(
    field: &str,
    text: &str,
    named: &[EnvironmentName],
    environments: &Environments,
) -> Result<RequestorId, Violation> {
    let requestor = RequestorId::parse(field, text)?;
    let mut meant = environments.iter().filter(|(name, _)| named.is_empty() || named.contains(name));
    if meant.any(|(_, environment)| environment.takes(&requestor)) {
        return Ok(requestor);
    }
    let text = format!(
        "{text:?} is no requestor of the caller's environments; list it there \
         (environments.NAME.requestors.{text}), or take one that is listed"
    );
    Err(Violation::new(field, text))
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ValidConfig};

    /// What is wrong with a configuration.
    fn wrong(text: &str) -> Vec<String> {
        let config = toml::from_str::<Config>(text).expect("deserializes");
        let error = ValidConfig::read(config).expect_err("refused");
        error.violations.into_iter().map(|violation| violation.to_string()).collect()
    }

    fn hash(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    #[track_caller]
    fn assert_told(told: &[String], expected: &[&str]) {
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.contains(expected), "{expected}: {told:#?}");
        }
    }

    #[test]
    fn what_an_entry_names_that_there_is_not_is_told_with_what_there_is() {
        let told = wrong(&format!(
            "[grpc]\nauth = \"callers\"\n[environments.staging.requestors.REF]\n[environments.test]\n\
             [[callers]]\nname = \"good\"\ntoken_hash = \"{}\"\n\
             [[callers]]\nname = \"bad\"\ntoken_hash = \"{}\"\nrequestors = [\"REF\", \"OTHER\"]\n\
             environments = [\"staging\", \"production\"]\npermissions = [\"codes.write\"]\n",
            hash('a'),
            hash('b'),
        ));
        assert_told(
            &told,
            &[
                "callers[1].environments: \"production\" is unknown; the environments are staging, test",
                "callers[1].requestors: \"OTHER\" is no requestor",
                "callers[1].permissions: \"codes.write\" is no permission; there are codes.create",
            ],
        );
    }

    #[test]
    fn a_hash_that_is_missing_malformed_or_there_twice_is_told_with_its_entry() {
        let good = hash('a');
        let told = wrong(&format!(
            "[grpc]\nauth = \"callers\"\n[[callers]]\nname = \"one\"\ntoken_hash = \"{good}\"\n\
             [[callers]]\nname = \"two\"\ntoken_hash = \"{good}\"\n\
             [[callers]]\nname = \"three\"\n[[callers]]\ntoken_hash = \"pb_token\"\n"
        ));
        assert_told(
            &told,
            &[
                "callers[1].token_hash: is that of callers[0] already",
                "callers[2]: needs what the caller is known by",
                "callers[3].name: is required",
                "callers[3].token_hash: is no hash",
            ],
        );
        assert!(told.iter().all(|told| !told.contains("pb_token")), "{told:?}");
    }

    #[test]
    fn an_entry_for_tokens_of_an_issuer_names_one_that_is_there_and_subjects_of_its_own() {
        let entry = |jwt: &str| format!("[[callers]]\nname = \"one\"\njwt = {{ {jwt} }}\n");
        let told = wrong(&format!(
            "[grpc]\nauth = \"callers\"\n[[grpc.jwt]]\nissuer = \"https://id\"\naudience = \"passbridge\"\n\
             jwks = \"http://127.0.0.1:1/keys\"\n{}{}{}{}{}{}[[callers]]\nname = \"both\"\ntoken_hash = \"{}\"\n\
             jwt = {{ issuer = \"https://id\", subject = \"z\" }}\n",
            entry("issuer = \"https://id\", subject = \"a:*:b\""),
            entry("issuer = \"https://other\", subject = \"a\""),
            entry("issuer = \"https://id\", subject = \"a:*:b\""),
            entry("issuer = \"https://id\", subject = \"a:c:*\""),
            entry("issuer = \"https://id\", subject = \"a:c:b\""),
            entry("issuer = \"https://id\", subject = \"a:c-*:b\""),
            hash('a'),
        ));
        assert_told(
            &told,
            &[
                "callers[1].jwt.issuer: \"https://other\" is the issuer of no [[grpc.jwt]]; there are \"https://id\"",
                "callers[2].jwt.subject: is that of callers[0] already",
                "callers[3].jwt.subject: means subjects that callers[0] means too",
                "callers[5].jwt.subject: has the part \"c-*\": `*` stands for a whole part",
                "callers[6]: has token_hash and jwt; keep one",
            ],
        );
    }

    #[test]
    fn an_issuer_that_could_not_be_used_is_told_with_what_would_be_right() {
        let issuer = |jwks: &str| {
            format!(
                "[[grpc.jwt]]\nissuer = \"https://id/{jwks}\"\naudience = \"passbridge\"\njwks = \"{jwks}\"\n"
            )
        };
        let told = wrong(&format!(
            "{}{}{}{}[[grpc.jwt]]\n",
            issuer("http://192.0.2.1/keys"),
            issuer("https://user:secret@id.example.com/keys"),
            issuer("/nowhere/keys.json"),
            issuer("/nowhere/keys.json"),
        ));
        assert_told(
            &told,
            &[
                "grpc.jwt[0].jwks: must be an https URL",
                "grpc.jwt[1].jwks: holds credentials",
                "grpc.jwt[2].jwks: /nowhere/keys.json cannot be read",
                "grpc.jwt[3].issuer: \"https://id//nowhere/keys.json\" is there twice",
                "grpc.jwt[3].jwks: /nowhere/keys.json cannot be read",
                "grpc.jwt[4].issuer: is required",
                "grpc.jwt[4].audience: is required",
                "grpc.jwt[4].jwks: is required",
            ],
        );
        assert!(told.iter().all(|told| !told.contains("secret")), "{told:?}");
    }

    #[test]
    fn callers_that_nobody_would_be_asked_for_are_refused() {
        let told = wrong(&format!("[[callers]]\nname = \"one\"\ntoken_hash = \"{}\"\n", hash('a')));
        assert_told(
            &told,
            &["grpc.auth: is \"none\", by which nobody is asked who they are, and callers are"],
        );
    }
}
