//! What happens to trials: decided by one set of rules, for readers who may find that there is nothing to write, and for
//! the committer.
//!
//! A device and a generic key are each bound to the id of a trial. A binding whose trial is gone binds to nothing, so that
//! a reset deletes one record, however many are bound to it.

use fjall::{UserKey, UserValue};
use uuid::Uuid;

use super::{
    operation::Command,
    record,
    transaction::Transaction,
    trial_expiry,
    trial_key::{self, Generation},
};
use crate::{
    domain::{
        clock::Timestamp,
        error::StoreError,
        port::{Authorization, StoreResult, Verdict},
        temp_pass::{
            ResetTarget, TempPassKey, TempPassRule, Trial, TrialApplication, TrialIdentity, TrialView,
        },
    },
    format,
};

/// What is to be written: a key, and its value.
type Writes = Vec<(UserKey, UserValue)>;

/// Trials as they lie under their keys.
pub trait Look {
    /// What lies under a key.
    fn look(&self, key: &UserKey) -> StoreResult<Option<UserValue>>;
}

impl Look for Transaction<'_> {
    fn look(&self, key: &UserKey) -> StoreResult<Option<UserValue>> {
        self.find_trial(key)
    }
}

/// The present generation of a TempPass.
pub fn generation(look: &impl Look, temp_pass: &TempPassKey) -> StoreResult<Generation> {
    let number = look.look(&trial_key::generation_key(temp_pass))?;
    let number = number.map_or(Ok(0), |value| record::decode_counter(&value))?;
    Ok(Generation { temp_pass: temp_pass.clone(), number })
}

/// A trial that was found, and its id.
type Found = Option<(Uuid, Trial)>;

fn follow(
    look: &impl Look,
    generation: &Generation,
    binding: &UserKey,
    now: Timestamp,
) -> StoreResult<Found> {
    let Some(id) = look.look(binding)? else { return Ok(None) };
    let id = record::decode_trial_id(&id)?;
    let Some(trial) = look.look(&generation.trial(id))? else { return Ok(None) };
    let trial = whole_trial(look, generation, id, &trial)?;
    Ok((now < trial.forget_time).then_some((id, trial)))
}

/// The trial whose record is `value`, with the resources that lie in rows.
pub fn whole_trial(look: &impl Look, generation: &Generation, id: Uuid, value: &[u8]) -> StoreResult<Trial> {
    format::decode_trial(value, |number| {
        let row = look.look(&generation.resources(id, number))?;
        let row = row.ok_or_else(|| StoreError::Corrupt("a trial lacks a row of resources".to_owned()))?;
        Ok(format::decode_row(&row)?)
    })
}

/// What is written for a trial that starts, or has one more resource.
fn trial_writes(generation: &Generation, id: Uuid, trial: &Trial) -> StoreResult<Writes> {
    let mut writes = vec![(generation.trial(id), UserValue::new(&format::encode_trial(trial)?))];
    if let Some((number, row)) = format::encode_filled_row(trial)? {
        writes.push((generation.resources(id, number), UserValue::new(&row)));
    }
    Ok(writes)
}

/// The row of the expiry index for a key.
fn expiry_row(forget_time: Timestamp, key: &UserKey) -> (UserKey, UserValue) {
    (trial_key::expiry_key(forget_time, key), UserValue::empty())
}

/// The trials of an identity.
struct Known {
    generation: Generation,
    device: Found,
    key: Found,
}

impl Known {
    fn find(
        look: &impl Look,
        temp_pass: &TempPassKey,
        identity: &TrialIdentity,
        now: Timestamp,
    ) -> StoreResult<Self> {
        let generation = generation(look, temp_pass)?;
        let device = follow(look, &generation, &generation.of_device(&identity.device_id), now)?;
        let key = match &identity.generic_key {
            Some(key) => follow(look, &generation, &generation.of_key(key), now)?,
            None => None,
        };
        Ok(Self { generation, device, key })
    }

    /// The trials, each once.
    fn trials(self) -> Vec<(Uuid, Trial)> {
        match (self.device, self.key) {
            (Some(device), Some(key)) if device.0 == key.0 => vec![device],
            (device, key) => device.into_iter().chain(key).collect(),
        }
    }
}

/// What is shown of an identity's trials: the stricter one.
pub fn view(
    look: &impl Look,
    temp_pass: &TempPassKey,
    rule: &TempPassRule,
    identity: &TrialIdentity,
    now: Timestamp,
) -> StoreResult<TrialView> {
    let trials = Known::find(look, temp_pass, identity, now)?.trials();
    let strictest = trials.iter().map(|(_, trial)| trial).min_by_key(|trial| trial.strictness(rule, now));
    Ok(strictest.map_or_else(|| TrialView::not_started(rule), |trial| trial.view(rule, now)))
}

/// Decides an authorization, and what is to be written for it.
pub fn authorize(
    look: &impl Look,
    authorization: &Authorization,
    now: Timestamp,
) -> StoreResult<(Verdict, Writes)> {
    let Authorization { temp_pass, rule, identity, resource, new_id, .. } = authorization;
    let known = Known::find(look, temp_pass, identity, now)?;
    let mut writes = bindings(authorization, &known, now);
    let generation = known.generation.clone();
    let mut trials = known.trials();
    if trials.is_empty() {
        let trial = start(authorization, now);
        writes.push(expiry_row(trial.forget_time, &generation.trial(*new_id)));
        writes.append(&mut trial_writes(&generation, *new_id, &trial)?);
        return Ok((Verdict { denial: None, trial: trial.view(rule, now), media_token: None }, writes));
    }
    trials.sort_by_key(|(_, trial)| trial.strictness(rule, now));
    let denial = trials.iter().find_map(|(_, trial)| trial.denial(resource, rule, now));
    if denial.is_none() && rule.is_promotional() {
        for (id, trial) in trials.iter_mut().filter(|(_, trial)| !trial.has(resource)) {
            trial.used_resources.push(resource.clone());
            writes.append(&mut trial_writes(&generation, *id, trial)?);
        }
    }
    let strictest = trials.iter().map(|(_, trial)| trial).min_by_key(|trial| trial.strictness(rule, now));
    let trial = strictest.map_or_else(|| TrialView::not_started(rule), |trial| trial.view(rule, now));
    Ok((Verdict { denial, trial, media_token: None }, writes))
}

/// The sides of the identity that are to be bound: those that are not known, to the trial of the other one, or to the
/// one that starts.
fn bindings(authorization: &Authorization, known: &Known, now: Timestamp) -> Writes {
    let Authorization { identity, rule, new_id, .. } = authorization;
    let bind = |side: UserKey, other: &Found| {
        let new = (*new_id, forget_time(rule, now));
        let (id, forget_time) = other.as_ref().map_or(new, |(id, trial)| (*id, trial.forget_time));
        [expiry_row(forget_time, &side), (side, record::encode_trial_id(id))]
    };
    let mut writes = Writes::new();
    if known.device.is_none() {
        writes.extend(bind(known.generation.of_device(&identity.device_id), &known.key));
    }
    if let Some(key) = identity.generic_key.as_ref().filter(|_| known.key.is_none()) {
        writes.extend(bind(known.generation.of_key(key), &known.device));
    }
    writes
}

fn start(authorization: &Authorization, now: Timestamp) -> Trial {
    let Authorization { rule, application, resource, .. } = authorization;
    let used_resources = if rule.is_promotional() { vec![resource.clone()] } else { Vec::new() };
    let (application, forget_time) = (application.clone(), forget_time(rule, now));
    Trial { start_time: now, forget_time, application, used_resources }
}

/// When a trial that starts now may be forgotten.
fn forget_time(rule: &TempPassRule, now: Timestamp) -> Timestamp {
    now + rule.ttl + rule.retention
}

/// Authorizes.
pub struct Authorize(pub Authorization);

impl Command for Authorize {
    type Outcome = Verdict;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Verdict> {
        let (verdict, writes) = authorize(transaction, &self.0, transaction.now)?;
        for (key, value) in writes {
            transaction.put_trial(&key, Some(value));
        }
        Ok(verdict)
    }
}

/// Resets.
pub struct Reset {
    /// The TempPass.
    pub temp_pass: TempPassKey,
    /// Which trials.
    pub target: ResetTarget,
    /// Which of these.
    pub application: TrialApplication,
}

impl Command for Reset {
    type Outcome = Option<u64>;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Option<u64>> {
        let generation = generation(transaction, &self.temp_pass)?;
        let binding = match &self.target {
            ResetTarget::Device(device_id) => generation.of_device(device_id),
            ResetTarget::Key(generic_key) => generation.of_key(generic_key),
            ResetTarget::All => {
                let next = record::encode_counter(generation.number.wrapping_add(1));
                transaction.put_trial(&trial_key::generation_key(&self.temp_pass), Some(next));
                transaction.put_trial(&generation.ended(), Some(UserValue::empty()));
                return Ok(None);
            }
        };
        let found = follow(transaction, &generation, &binding, transaction.now)?;
        let Some((id, _)) = found.filter(|(_, trial)| trial.application.matches(&self.application)) else {
            return Ok(Some(0));
        };
        for key in [
            trial_expiry::removal(transaction, &binding)?,
            trial_expiry::removal(transaction, &generation.trial(id))?,
        ]
        .concat()
        {
            transaction.put_trial(&key, None);
        }
        Ok(Some(1))
    }
}
