//! Create: has the place's backend issue a code, once for each request id.

use tracing::Instrument;

use super::{
    RegistrationService, RegistrationView,
    abandoned::CreateUnderWay,
    kept_answer::{KeepAnswer, Repeat},
};
use crate::domain::{
    backend::{Backend, Issuance, Issued, Keep, SharedBackend},
    call::CallContext,
    caller::{Caller, Permission},
    device_info::{DeviceInfo, Warning},
    error::{Error, Result, StoreError, Violation},
    port::LedgerEntry,
    registration::{RegistrationRequest, State, UpstreamApi},
};
use crate::service::{backends::Backends, device_memory::DeviceFacts};

/// A new code, and what was odd about the request.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The record.
    pub view: RegistrationView,
    /// What was odd about the request.
    pub warnings: Vec<Warning>,
}

/// Who issues a code: the upstream in this version of its API; without one, our own store.
struct Issuer {
    api: Option<UpstreamApi>,
    backend: SharedBackend,
}

impl RegistrationService {
    /// Makes a registration code. `repeat` is set where a repeat of this request shall get the first answer.
    ///
    /// # Errors
    /// [`Error::PermissionMissing`], [`Error::Throttled`], [`Error::LiveCodesExhausted`], [`Error::RequestIdReused`],
    /// [`Error::StoreUnavailable`], and those of an upstream.
    pub async fn create(
        &self,
        caller: &Caller,
        request: Box<RegistrationRequest>,
        repeat: Option<Repeat>,
    ) -> Result<Created> {
        caller.require(Permission::CodesCreate, &request.place.environment, &request.place.requestor)?;
        let issuer = self.issuer(&request)?;
        let under_way = CreateUnderWay::begin(self.parts(), caller).await?;
        let outcome = match repeat.map(|repeat| KeepAnswer::new(repeat, caller, &request.place)) {
            Some(keep) if issuer.api.is_some() => self.create_once(caller, issuer, request, keep).await,
            keep => self.create_new(caller, &issuer, request, keep.as_ref()).await,
        };
        // Whoever noticed it first: the backend, or the face, which drops this then.
        if !matches!(outcome, Err(Error::DeadlineExceeded)) {
            under_way.answered();
        }
        outcome
    }

    /// Who issues the code of this request.
    fn issuer(&self, request: &RegistrationRequest) -> Result<Issuer> {
        let policy = self.parts().policy.load();
        let api = policy.upstream_api(&request.place);
        if api.is_some() && request.device_ip.is_none() {
            let text = "is required: the upstream binds the code to the device's address";
            return Err(Violation::new("device_ip", text).into());
        }
        Ok(Issuer { api, backend: self.parts().backends.of(&policy, &request.place.environment, api)? })
    }

    /// Has an upstream make the code of a request that may be repeated. Our own store needs none of this: it takes the
    /// record and the answer at once or not at all, and of concurrent repeats only one.
    async fn create_once(
        &self,
        caller: &Caller,
        issuer: Issuer,
        request: Box<RegistrationRequest>,
        keep: KeepAnswer,
    ) -> Result<Created> {
        // Nor does its deadline end it.
        let context = CallContext { deadline: None, ..caller.context().clone() };
        let (service, caller) = (self.clone(), caller.clone().in_call(context));
        // On a task of its own, so that a caller whose connection breaks in the middle finds the answer when
        // it asks again: that is what the request id is for.
        let create = async move {
            let _turn = service.inner.repeats.turn(keep.key().clone()).await;
            service.create_new(&caller, &issuer, request, Some(&keep)).await
        };
        self.parts()
            .tasks
            .spawn(create.in_current_span())
            .await
            .unwrap_or_else(|failed| Err(Error::Internal(failed.to_string())))
    }

    async fn create_new(
        &self,
        caller: &Caller,
        issuer: &Issuer,
        request: Box<RegistrationRequest>,
        keep: Option<&KeepAnswer>,
    ) -> Result<Created> {
        let Issuer { api, backend } = issuer;
        // Our own store finds a repeat in the commit itself; an upstream must not be asked for nothing.
        if let Some(keep) = keep.filter(|_| api.is_some())
            && let Some(entry) = self.parts().store.ledger.get(keep.key()).await?
            && let Some(created) = self.answer_again(&entry, keep).await?
        {
            return Ok(created);
        }
        let context = Backends::context(caller.context(), *api)?;
        let port = keep.map(|keep| keep as &dyn Keep);
        let facts = (*api == Some(UpstreamApi::V2) && !request.asks_for_id).then(|| DeviceFacts {
            device_info: request.device_info.as_ref().map(DeviceInfo::encode),
            user_agent: request.user_agent.clone(),
            temp_pass_identity: None,
        });
        let issuance = backend.codes().issue(&context, request, port).await?;
        if let (Some(facts), Issuance::Issued(issued)) = (&facts, &issuance) {
            self.parts().memory.code_made(&issued.registration, facts).await?;
        }
        match (issuance, keep) {
            (Issuance::Issued(issued), Some(keep)) if !issued.is_kept => {
                self.keep(&**backend, &context, issued, keep).await
            }
            (Issuance::Issued(issued), _) => Ok(self.created(issued)),
            (Issuance::Repeated(entry), Some(keep)) => self.must_answer_again(&entry, keep).await,
            (Issuance::Repeated(_), None) => {
                Err(Error::Internal("a kept answer was found that nobody asked for".to_owned()))
            }
        }
    }

    /// Keeps the answer about a code that an upstream issued.
    async fn keep(
        &self,
        backend: &dyn Backend,
        context: &CallContext,
        issued: Issued,
        keep: &KeepAnswer,
    ) -> Result<Created> {
        let entry = keep.entry(&issued.registration, &issued.warnings)?;
        let Some(earlier) = self.parts().store.ledger.put_if_absent(keep.key(), entry).await? else {
            return Ok(self.created(issued));
        };
        // Another replica was first: its answer stands, and the code made here must not stay behind.
        if let Err(error) = backend.codes().delete(context, &issued.registration).await {
            tracing::warn!(%error, "the code of a repeated request could not be deleted at its issuer");
        }
        // Whatever came of that: nobody will hear of it.
        let own = &issued.registration;
        self.parts().store.codes.release(&own.key(), own.id).await?;
        self.must_answer_again(&earlier, keep).await
    }

    /// The first answer; `None` where it cannot be read, and is there no longer.
    async fn answer_again(&self, entry: &LedgerEntry, keep: &KeepAnswer) -> Result<Option<Created>> {
        if let Some(issued) = keep.read(entry, &*self.parts().store.codes).await? {
            return Ok(Some(self.created(issued)));
        }
        self.parts().store.ledger.swap(keep.key(), Some(&entry.value), None).await?;
        Ok(None)
    }

    /// The first answer, for who has nothing else to answer. Where it cannot be read, the next repeat is a first request.
    async fn must_answer_again(&self, entry: &LedgerEntry, keep: &KeepAnswer) -> Result<Created> {
        let unreadable =
            || StoreError::Corrupt("the kept answer cannot be read; ask again".to_owned()).into();
        self.answer_again(entry, keep).await?.ok_or_else(unreadable)
    }

    fn created(&self, issued: Issued) -> Created {
        let Issued { registration, warnings, .. } = issued;
        Created { view: self.view(registration, State::Pending), warnings }
    }
}
