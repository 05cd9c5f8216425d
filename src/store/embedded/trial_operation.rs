//! What happens to trials: decided by one set of rules, for readers who may find that there is nothing to write, and for
//! the committer.
//!
//! A device and a generic key are each bound to the id of a trial. A binding whose trial is gone binds to nothing, so that
//! a reset deletes one record, however many are bound to it.

use fjall::{UserKey, UserValue};
use uuid::Uuid;

use super::{operation::Command, record, transaction::Transaction};
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

/// What is to be written: a key, and its value or nothing.
type Writes = Vec<(UserKey, Option<UserValue>)>;

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

/// The generation of a TempPass.
fn generation(look: &impl Look, temp_pass: &TempPassKey) -> StoreResult<u64> {
    look.look(&record::generation_key(temp_pass))?.map_or(Ok(0), |value| record::decode_counter(&value))
}

/// Whether a trial still counts.
fn counts(trial: &Trial, generation: u64, now: Timestamp) -> bool {
    trial.generation == generation && now < trial.forget_time
}

/// A trial that was found, and its id.
type Found = Option<(Uuid, Trial)>;

fn follow(
    look: &impl Look,
    temp_pass: &TempPassKey,
    binding: &UserKey,
    generation: u64,
    now: Timestamp,
) -> StoreResult<Found> {
    let Some(id) = look.look(binding)? else { return Ok(None) };
    let id = record::decode_trial_id(&id)?;
    let Some(trial) = look.look(&record::trial_key(temp_pass, id))? else { return Ok(None) };
    let trial = whole_trial(look, temp_pass, id, &trial)?;
    Ok(counts(&trial, generation, now).then_some((id, trial)))
}

/// The trial whose record is `value`, with the resources that lie in rows.
pub fn whole_trial(look: &impl Look, temp_pass: &TempPassKey, id: Uuid, value: &[u8]) -> StoreResult<Trial> {
    format::decode_trial(value, |number| {
        let row = look.look(&record::trial_resources_key(temp_pass, id, number))?;
        let row = row.ok_or_else(|| StoreError::Corrupt("a trial lacks a row of resources".to_owned()))?;
        Ok(format::decode_row(&row)?)
    })
}

/// The trial whose record is `value`, without those: who only asks whether it counts need not read them.
fn bare_trial(value: &[u8]) -> StoreResult<Trial> {
    format::decode_trial(value, |_| Ok(Vec::new()))
}

/// What is written for a trial that starts, or has one more resource.
fn trial_writes(temp_pass: &TempPassKey, id: Uuid, trial: &Trial) -> StoreResult<Writes> {
    let record = UserValue::new(&format::encode_trial(trial)?);
    let mut writes = vec![(record::trial_key(temp_pass, id), Some(record))];
    if let Some((number, row)) = format::encode_filled_row(trial)? {
        writes.push((record::trial_resources_key(temp_pass, id, number), Some(UserValue::new(&row))));
    }
    Ok(writes)
}

/// The trials of an identity.
struct Known {
    generation: u64,
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
        let device = record::trial_of_device_key(temp_pass, &identity.device_id);
        let device = follow(look, temp_pass, &device, generation, now)?;
        let key = match &identity.generic_key {
            Some(key) => {
                let binding = record::trial_of_key_key(temp_pass, key);
                follow(look, temp_pass, &binding, generation, now)?
            }
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
    let mut writes = bindings(authorization, &known);
    let generation = known.generation;
    let mut trials = known.trials();
    if trials.is_empty() {
        let trial = start(authorization, generation, now);
        writes.append(&mut trial_writes(temp_pass, *new_id, &trial)?);
        return Ok((Verdict { denial: None, trial: trial.view(rule, now), media_token: None }, writes));
    }
    trials.sort_by_key(|(_, trial)| trial.strictness(rule, now));
    let denial = trials.iter().find_map(|(_, trial)| trial.denial(resource, rule, now));
    if denial.is_none() && rule.is_promotional() {
        for (id, trial) in trials.iter_mut().filter(|(_, trial)| !trial.has(resource)) {
            trial.used_resources.push(resource.clone());
            writes.append(&mut trial_writes(temp_pass, *id, trial)?);
        }
    }
    let strictest = trials.iter().map(|(_, trial)| trial).min_by_key(|trial| trial.strictness(rule, now));
    let trial = strictest.map_or_else(|| TrialView::not_started(rule), |trial| trial.view(rule, now));
    Ok((Verdict { denial, trial, media_token: None }, writes))
}

/// The sides of the identity that are to be bound: those that are not known, to the trial of the other one, or to the
/// one that starts.
fn bindings(authorization: &Authorization, known: &Known) -> Writes {
    let Authorization { temp_pass, identity, new_id, .. } = authorization;
    let bind = |other: &Found| {
        let id = other.as_ref().map_or(*new_id, |(id, _)| *id);
        Some(record::encode_trial_id(id))
    };
    let mut writes = Writes::new();
    if known.device.is_none() {
        let device = record::trial_of_device_key(temp_pass, &identity.device_id);
        writes.push((device, bind(&known.key)));
    }
    if let Some(key) = identity.generic_key.as_ref().filter(|_| known.key.is_none()) {
        writes.push((record::trial_of_key_key(temp_pass, key), bind(&known.device)));
    }
    writes
}

fn start(authorization: &Authorization, generation: u64, now: Timestamp) -> Trial {
    let Authorization { rule, application, resource, .. } = authorization;
    let used_resources = if rule.is_promotional() { vec![resource.clone()] } else { Vec::new() };
    Trial {
        generation,
        start_time: now,
        forget_time: now + rule.ttl + rule.retention,
        application: application.clone(),
        used_resources,
    }
}

/// Authorizes.
pub struct Authorize(pub Authorization);

impl Command for Authorize {
    type Outcome = Verdict;

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<Verdict> {
        let (verdict, writes) = authorize(transaction, &self.0, transaction.now)?;
        for (key, value) in writes {
            transaction.put_trial(&key, value);
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
        let Self { temp_pass, target, application } = self;
        let generation = generation(transaction, temp_pass)?;
        let binding = match target {
            ResetTarget::Device(device_id) => record::trial_of_device_key(temp_pass, device_id),
            ResetTarget::Key(generic_key) => record::trial_of_key_key(temp_pass, generic_key),
            ResetTarget::All => {
                let next = record::encode_counter(generation.wrapping_add(1));
                transaction.put_trial(&record::generation_key(temp_pass), Some(next));
                return Ok(None);
            }
        };
        let found = follow(transaction, temp_pass, &binding, generation, transaction.now)?;
        let Some((id, _)) = found.filter(|(_, trial)| trial.application.matches(application)) else {
            return Ok(Some(0));
        };
        transaction.put_trial(&record::trial_key(temp_pass, id), None);
        transaction.put_trial(&binding, None);
        Ok(Some(1))
    }
}

/// Removes what no decision looks at any more: trials of old generations or past their retention, and bindings of these.
pub struct RemoveForgotten {
    /// Keys that were seen to be such.
    pub keys: Vec<UserKey>,
}

impl Command for RemoveForgotten {
    type Outcome = ();

    fn decide(&mut self, transaction: &mut Transaction<'_>) -> StoreResult<()> {
        for key in &self.keys {
            // It may have been written anew since it was seen.
            if let Some(value) = transaction.find_trial(key)?
                && is_forgotten(transaction, key, &value, transaction.now)?
            {
                transaction.put_trial(key, None);
            }
        }
        Ok(())
    }
}

/// Whether no decision looks at a record any more.
pub fn is_forgotten(look: &impl Look, key: &[u8], value: &[u8], now: Timestamp) -> StoreResult<bool> {
    match record::parse_trial_key(key)? {
        record::TrialKey::Trial(temp_pass, _) => {
            Ok(!counts(&bare_trial(value)?, generation(look, &temp_pass)?, now))
        }
        record::TrialKey::Resources(temp_pass, id) => is_gone(look, &temp_pass, id, now),
        record::TrialKey::Binding(temp_pass) => {
            is_gone(look, &temp_pass, record::decode_trial_id(value)?, now)
        }
        record::TrialKey::Generation => Ok(false),
    }
}

/// Whether there is no trial of this id that counts.
fn is_gone(look: &impl Look, temp_pass: &TempPassKey, id: Uuid, now: Timestamp) -> StoreResult<bool> {
    Ok(match look.look(&record::trial_key(temp_pass, id))? {
        Some(trial) => !counts(&bare_trial(&trial)?, generation(look, temp_pass)?, now),
        None => true,
    })
}
