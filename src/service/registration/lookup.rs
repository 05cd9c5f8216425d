//! What get, delete and watch share: finding the record behind what a person typed, at the guesser's expense.

use super::{Lookup, RegistrationService, guesser};
use crate::domain::{
    authentication::AuthenticationProblem,
    backend::SharedBackend,
    call::CallContext,
    caller::{Caller, Permission},
    code::fold_upstream,
    error::{Error, LookupClues, Result},
    registration::{CodeEntry, CodeKey, Registration, State},
};
use crate::service::backends::Backends;

/// In how many other environments a code that was not found is looked for.
const ELSEWHERE_MAX: usize = 8;

/// What a person may have meant: by the rules of who issues the place's codes now, and by the others', for codes from
/// before the configuration changed.
#[derive(Debug)]
pub(super) struct Keys {
    likely: CodeKey,
    other: Option<CodeKey>,
}

/// What is known of a code here.
pub(super) enum Found {
    /// Its record or tombstone.
    Here(Box<CodeEntry>),
    /// Nothing; who issues the place's codes may know it.
    Nothing {
        key: CodeKey,
        /// Who issues the place's codes.
        backend: SharedBackend,
    },
}

impl RegistrationService {
    /// The names of the code that was typed.
    ///
    /// # Errors
    /// [`Error::LookupBudgetExhausted`], and [`Error::CodeNotFound`] where no code can be meant.
    pub(super) async fn resolve(&self, caller: &Caller, lookup: &Lookup) -> Result<Keys> {
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
        Ok(Keys { likely, other })
    }

    /// Charges a miss to who guessed.
    async fn charge(&self, caller: &Caller, lookup: &Lookup) -> Result<()> {
        self.parts().budget.charge(&guesser(caller, lookup.viewer)).await?;
        (self.parts().on_miss)(&lookup.place.environment);
        Ok(())
    }

    /// What is known here of the code.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub(super) async fn find(&self, keys: &Keys) -> Result<Found> {
        let codes = &self.parts().store.codes;
        if let Some(entry) = codes.get(&keys.likely).await? {
            return Ok(Found::Here(Box::new(entry)));
        }
        if let Some(other) = &keys.other
            && let Some(entry) = codes.get(other).await?
        {
            return Ok(Found::Here(Box::new(entry)));
        }
        let key = keys.likely.clone();
        let policy = self.parts().policy.load();
        let api = policy.upstream_api(&key.place());
        let backend = self.parts().backends.of(&policy, &key.environment, api)?;
        Ok(Found::Nothing { key, backend })
    }

    /// Who issued the record, whatever the configuration says by now.
    pub(super) fn backend_of(&self, record: &Registration) -> Result<SharedBackend> {
        self.parts().backends.of_record(&self.parts().policy.load(), record)
    }

    /// What goes along with a call to who issued the record, or to who issues the codes of the place.
    pub(super) fn context(&self, caller: &Caller, found: &Found) -> Result<CallContext> {
        let api = match found {
            Found::Here(entry) => entry.registration.shadow.as_ref().map(|shadow| shadow.api),
            Found::Nothing { key, .. } => self.parts().policy.load().upstream_api(&key.place()),
        };
        Backends::context(caller.context(), api)
    }

    /// The answer for a code that never was, as far as anybody knows: it costs the guesser.
    pub(super) async fn missed(&self, caller: &Caller, lookup: &Lookup, key: &CodeKey) -> Error {
        match self.charge(caller, lookup).await {
            Ok(()) => self.not_found(caller, key).await,
            Err(error) => error,
        }
    }

    /// The answer for a code that has ended: no miss. A client of which only the upstream can say who it is learns nothing
    /// of it, as it learns nothing of a code that lives.
    pub(super) async fn ended(&self, caller: &Caller, lookup: &Lookup, key: &CodeKey) -> Error {
        if caller.context().relayed_token.as_ref().is_some_and(|token| !token.is_known()) {
            let refused = Error::NotAuthenticated(AuthenticationProblem::TokenRefusedUpstream);
            return self.charge(caller, lookup).await.err().unwrap_or(refused);
        }
        self.not_found(caller, key).await
    }

    /// What a backend answers to a client that it knows. One that it does not know has guessed.
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

    /// The one answer for a code that is not there: it is the same whether it never was, or has ended. That it lives
    /// in another environment is told to who may read there.
    pub(super) async fn not_found(&self, caller: &Caller, key: &CodeKey) -> Error {
        let now = self.parts().clock.now();
        let policy = self.parts().policy.load_full();
        let mut lives_in = Vec::new();
        let mut others = policy.other_environments(key);
        others.retain(|environment| caller.may(Permission::CodesRead, environment, &key.requestor));
        for environment in others.into_iter().take(ELSEWHERE_MAX) {
            let elsewhere = CodeKey { environment, ..key.clone() };
            // A clue that cannot be had is none: the answer is the same without it.
            if let Ok(Some(entry)) = self.parts().store.codes.get(&elsewhere).await
                && entry.state(now) == State::Pending
            {
                lives_in.push(elsewhere.environment);
            }
        }
        let over_upstream = policy.upstream_api(&key.place()).is_some();
        Error::CodeNotFound(LookupClues { lives_in, over_upstream, ..LookupClues::default() })
    }
}
