//! The shared part of get, delete and watch: finds the record of a typed code, and charges failed lookups.

use super::{Lookup, RegistrationService, guesser};
use crate::domain::{
    authentication::AuthenticationProblem,
    backend::SharedBackend,
    call::CallContext,
    caller::{Caller, Permission},
    code::fold_upstream,
    error::{Error, LookupClues, Result},
    registration_code::{CodeEntry, CodeKey, CodeState, RegistrationCode},
};
use crate::service::backends::Backends;

/// The maximum number of other environments that are searched for a missing code.
const ELSEWHERE_MAX: usize = 8;

/// The keys that the typed text may stand for: by the rules of the current issuer of the place's codes, and by those of
/// other issuers, for codes created before the configuration changed.
#[derive(Debug)]
pub(super) struct CandidateKeys {
    likely: CodeKey,
    other: Option<CodeKey>,
}

/// What this server knows of a code.
pub(super) enum LocalLookup {
    /// Its record or tombstone.
    Here(Box<CodeEntry>),
    /// Nothing. The issuer of the place's codes may know it.
    Nothing {
        key: CodeKey,
        /// The issuer of the place's codes.
        backend: SharedBackend,
    },
}

impl RegistrationService {
    /// The keys of the typed code.
    ///
    /// # Errors
    /// [`Error::LookupBudgetExhausted`], and [`Error::CodeNotFound`] if the text cannot be a code.
    pub(super) async fn resolve(&self, caller: &Caller, lookup: &Lookup) -> Result<CandidateKeys> {
        let guesser = guesser(caller, lookup.viewer);
        self.parts().budget.admit(&guesser).await?;
        let policy = self.parts().policy.load();
        let (local, upstream) = (policy.code_format.fold(&lookup.typed), fold_upstream(&lookup.typed));
        let (first, second) = match policy.upstream_api(&lookup.place) {
            None => (local, upstream.filter(|_| policy.upstream(&lookup.place.environment).is_some())),
            Some(_) => (upstream, local),
        };
        let mut codes = first.into_iter().chain(second).map(|code| {
            let place = lookup.place.clone();
            CodeKey { environment: place.environment, requestor: place.requestor, code }
        });
        let Some(likely) = codes.next() else {
            self.charge(caller, lookup).await?;
            return Err(Error::CodeNotFound(LookupClues { impossible: true, ..LookupClues::default() }));
        };
        let other = codes.next().filter(|other| *other != likely);
        Ok(CandidateKeys { likely, other })
    }

    /// Charges a failed lookup to the guesser.
    async fn charge(&self, caller: &Caller, lookup: &Lookup) -> Result<()> {
        self.parts().budget.charge(&guesser(caller, lookup.viewer)).await?;
        (self.parts().on_miss)(&lookup.place.environment);
        Ok(())
    }

    /// What this server knows of the code.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub(super) async fn find(&self, keys: &CandidateKeys) -> Result<LocalLookup> {
        let codes = &self.parts().store.codes;
        if let Some(entry) = codes.get(&keys.likely).await? {
            return Ok(LocalLookup::Here(Box::new(entry)));
        }
        if let Some(other) = &keys.other
            && let Some(entry) = codes.get(other).await?
        {
            return Ok(LocalLookup::Here(Box::new(entry)));
        }
        let key = keys.likely.clone();
        let policy = self.parts().policy.load();
        let api = policy.upstream_api(&key.place());
        let backend = self.parts().backends.of(&policy, &key.environment, api)?;
        Ok(LocalLookup::Nothing { key, backend })
    }

    /// The issuer of the record, regardless of the current configuration.
    pub(super) fn backend_of(&self, record: &RegistrationCode) -> Result<SharedBackend> {
        self.parts().backends.of_record(&self.parts().policy.load(), record)
    }

    /// The context of a call to the record's issuer, or to the issuer of the place's codes.
    pub(super) fn context(&self, caller: &Caller, found: &LocalLookup) -> Result<CallContext> {
        let api = match found {
            LocalLookup::Here(entry) => entry.registration.shadow.as_ref().map(|shadow| shadow.api),
            LocalLookup::Nothing { key, .. } => self.parts().policy.load().upstream_api(&key.place()),
        };
        Backends::context(caller.context(), api)
    }

    /// The error for a code that neither this server nor the upstream knows. Charged to the guesser.
    pub(super) async fn missed(&self, caller: &Caller, lookup: &Lookup, key: &CodeKey) -> Error {
        match self.charge(caller, lookup).await {
            Ok(()) => self.not_found(caller, key).await,
            Err(error) => error,
        }
    }

    /// The error for a code that has ended. Not charged. A client that only the upstream can authenticate does not
    /// learn that the code existed, just as it does not learn of live codes.
    pub(super) async fn ended(&self, caller: &Caller, lookup: &Lookup, key: &CodeKey) -> Error {
        if caller.context().relayed_token.as_ref().is_some_and(|token| !token.is_known()) {
            let refused = Error::NotAuthenticated(AuthenticationProblem::TokenRefusedUpstream);
            return self.charge(caller, lookup).await.err().unwrap_or(refused);
        }
        self.not_found(caller, key).await
    }

    /// A backend's response to a client that the backend has authenticated. A client that it rejects is charged.
    pub(in crate::service) async fn known<T>(
        &self,
        caller: &Caller,
        lookup: &Lookup,
        answer: Result<T>,
    ) -> Result<T> {
        if matches!(answer, Err(Error::NotAuthenticated(_))) {
            self.charge(caller, lookup).await?;
        }
        answer
    }

    /// The single error for a missing code, whether it has ended or never existed. If the code is live in another
    /// environment in which the caller has read permission, the error says so.
    pub(super) async fn not_found(&self, caller: &Caller, key: &CodeKey) -> Error {
        let now = self.parts().clock.now();
        let policy = self.parts().policy.load_full();
        let mut lives_in = Vec::new();
        let mut others = policy.other_environments(key);
        others.retain(|environment| caller.may(Permission::CodesRead, environment, &key.requestor));
        for environment in others.into_iter().take(ELSEWHERE_MAX) {
            let elsewhere = CodeKey { environment, ..key.clone() };
            // Without the clue, the error is the same: ignore a failure.
            if let Ok(Some(entry)) = self.parts().store.codes.get(&elsewhere).await
                && entry.state(now) == CodeState::Pending
            {
                lives_in.push(elsewhere.environment);
            }
        }
        let over_upstream = policy.upstream_api(&key.place()).is_some();
        Error::CodeNotFound(LookupClues { lives_in, over_upstream, ..LookupClues::default() })
    }
}
