//! Create: issues a code through the place's backend, once per request id.

use tracing::Instrument;

use super::{
    RegistrationService, RegistrationView,
    abandoned::PendingCreate,
    stored_response::{IdempotentRequest, StoredResponseRecorder},
};
use crate::domain::{
    backend::{Backend, Issuance, IssuedCode, ResponseRecorder, SharedBackend},
    call::CallContext,
    caller::{Caller, Permission},
    device_info::{DeviceInfo, Warning},
    error::{Error, Result, StoreError, Violation},
    port::LedgerEntry,
    registration_code::{CodeState, RegistrationRequest, UpstreamApi},
};
use crate::service::{backends::Backends, device_memory::ReportedDevice};

/// A new code, with warnings about the request.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The record.
    pub view: RegistrationView,
    /// Warnings about the request.
    pub warnings: Vec<Warning>,
}

/// The issuer of a code: this version of the upstream's API, or the local backend.
struct CodeIssuer {
    api: Option<UpstreamApi>,
    backend: SharedBackend,
}

impl RegistrationService {
    /// Creates a registration code. With `repeat`, a repeat of the request gets the stored response of the first one.
    ///
    /// # Errors
    /// [`Error::PermissionMissing`], [`Error::Throttled`], [`Error::LiveCodesExhausted`], [`Error::RequestIdReused`],
    /// [`Error::StoreUnavailable`], and those of an upstream.
    pub async fn create(
        &self,
        caller: &Caller,
        request: Box<RegistrationRequest>,
        repeat: Option<IdempotentRequest>,
    ) -> Result<Created> {
        caller.require(Permission::CodesCreate, &request.place.environment, &request.place.requestor)?;
        let issuer = self.issuer(&request)?;
        let pending = PendingCreate::begin(self.parts(), caller).await?;
        let outcome = match repeat.map(|repeat| StoredResponseRecorder::new(repeat, caller, &request.place)) {
            Some(keep) if issuer.api.is_some() => self.create_once(caller, issuer, request, keep).await,
            keep => self.create_new(caller, &issuer, request, keep.as_ref()).await,
        };
        // Either the backend notices the deadline, or the face does and drops this future. Both count as abandoned.
        if !matches!(outcome, Err(Error::DeadlineExceeded)) {
            pending.answered();
        }
        outcome
    }

    /// The issuer of the code for this request.
    fn issuer(&self, request: &RegistrationRequest) -> Result<CodeIssuer> {
        let policy = self.parts().policy.load();
        let api = policy.upstream_api(&request.place);
        if api.is_some() && request.device_ip.is_none() {
            let text = "is required, because the upstream binds the code to the device's address";
            return Err(Violation::new("device_ip", text).into());
        }
        Ok(CodeIssuer { api, backend: self.parts().backends.of(&policy, &request.place.environment, api)? })
    }

    /// Creates the code of a repeatable request at an upstream. The local backend does not need this: its store commits
    /// the record and the stored response together, for only one of several concurrent repeats.
    async fn create_once(
        &self,
        caller: &Caller,
        issuer: CodeIssuer,
        request: Box<RegistrationRequest>,
        keep: StoredResponseRecorder,
    ) -> Result<Created> {
        // The deadline does not cancel it either.
        let context = CallContext { deadline: None, ..caller.context().clone() };
        let (service, caller) = (self.clone(), caller.clone().in_call(context));
        // In a detached task: if the caller's connection breaks, a retry with the same request id finds the stored
        // response.
        let create = async move {
            let _lock = service.inner.repeats.lock(keep.key().clone()).await;
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
        issuer: &CodeIssuer,
        request: Box<RegistrationRequest>,
        keep: Option<&StoredResponseRecorder>,
    ) -> Result<Created> {
        let CodeIssuer { api, backend } = issuer;
        // Only check for upstreams, to save a call. The local store detects a repeat in the commit itself.
        if let Some(keep) = keep.filter(|_| api.is_some())
            && let Some(entry) = self.parts().store.ledger.get(keep.key()).await?
            && let Some(created) = self.replay(&entry, keep).await?
        {
            return Ok(created);
        }
        let context = Backends::context(caller.context(), *api)?;
        let port = keep.map(|keep| keep as &dyn ResponseRecorder);
        let facts = (*api == Some(UpstreamApi::V2) && !request.asks_for_id).then(|| ReportedDevice {
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
            (Issuance::Repeated(entry), Some(keep)) => self.must_replay(&entry, keep).await,
            (Issuance::Repeated(_), None) => Err(Error::Internal("unexpected stored response".to_owned())),
        }
    }

    /// Stores the response for a code that an upstream issued.
    async fn keep(
        &self,
        backend: &dyn Backend,
        context: &CallContext,
        issued: IssuedCode,
        keep: &StoredResponseRecorder,
    ) -> Result<Created> {
        let entry = keep.entry(&issued.registration, &issued.warnings)?;
        let Some(earlier) = self.parts().store.ledger.put_if_absent(keep.key(), entry).await? else {
            return Ok(self.created(issued));
        };
        // Another replica stored its response first. That response is valid, and the code issued here must be deleted.
        if let Err(error) = backend.codes().delete(context, &issued.registration).await {
            tracing::warn!(%error, "cannot delete the surplus code of a repeated request at its issuer");
        }
        // Regardless of the result, because no client knows this code.
        let own = &issued.registration;
        self.parts().store.codes.release(&own.key(), own.id).await?;
        self.must_replay(&earlier, keep).await
    }

    /// The stored response. If it is unreadable, deletes it and returns `None`.
    async fn replay(&self, entry: &LedgerEntry, keep: &StoredResponseRecorder) -> Result<Option<Created>> {
        if let Some(issued) = keep.read(entry, &*self.parts().store.codes).await? {
            return Ok(Some(self.created(issued)));
        }
        self.parts().store.ledger.swap(keep.key(), Some(&entry.value), None).await?;
        Ok(None)
    }

    /// The stored response, for a caller with no alternative. If it is unreadable, the next repeat counts as a first
    /// request.
    async fn must_replay(&self, entry: &LedgerEntry, keep: &StoredResponseRecorder) -> Result<Created> {
        let unreadable = || StoreError::Corrupt("the stored response is unreadable; retry".to_owned()).into();
        self.replay(entry, keep).await?.ok_or_else(unreadable)
    }

    fn created(&self, issued: IssuedCode) -> Created {
        let IssuedCode { registration, warnings, .. } = issued;
        Created { view: self.view(registration, CodeState::Pending), warnings }
    }
}
