//! The `Trials` port.
//!
//! A trial is stored in the cell of the device that started it. Every other device and generic key that is bound to the trial has a
//! cell that refers to that one. Each trial therefore has a slot of its own, and a TempPass with millions of trials is spread over
//! all nodes. Only the generation of a TempPass is in a single slot: a number that every decision reads and a reset of all
//! increments.
//!
//! A binding never changes to another trial while its trial exists. It is therefore sufficient that the cells that a decision
//! writes are unchanged since they were read, and, if two trials decide together, that the cells of both are.

use std::{cmp::Ordering, collections::BTreeMap};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use uuid::Uuid;

use super::{
    RedisStore,
    cell::{Cell, MAX_ATTEMPTS, NextValue, contended},
    key::{self, RedisKey},
    script::{self, EngineCall},
};
use crate::{
    domain::{
        clock::Timestamp,
        error::StoreError,
        port::{Authorization, StoreResult, TrialVerdict, Trials},
        temp_pass::{
            self, Holder, KnownTrial, KnownTrials, ResetTarget, TempPassKey, TempPassRule, Trial,
            TrialApplication, TrialChange, TrialIdentity, TrialView, decide_reset,
        },
    },
    format::{TrialCell, TrialCellContent},
};

/// The trials of an identity, and the cells that they were read from.
struct TrialLookup {
    generation: u64,
    now: Timestamp,
    device: Cell,
    user: Option<Cell>,
    /// The cells of other devices that contain the trials.
    homes: Vec<Cell>,
    of_device: Option<KnownTrial>,
    of_user: Option<KnownTrial>,
}

/// The result of following a cell to its trial.
pub(super) enum FollowedBinding {
    Known(KnownTrial),
    Nothing,
    /// The cell belongs to this generation, which is later than the one that was read.
    Later(u64),
}

impl FollowedBinding {
    pub(super) fn known(self) -> Option<KnownTrial> {
        match self {
            Self::Known(known) => Some(known),
            Self::Nothing | Self::Later(_) => None,
        }
    }
}

impl TrialLookup {
    fn known(&self) -> KnownTrials {
        KnownTrials::new(self.of_device.clone(), self.of_user.clone(), self.now)
    }

    fn cells(&self) -> impl Iterator<Item = &Cell> {
        std::iter::once(&self.device).chain(&self.user).chain(&self.homes)
    }

    /// Whether all cells are known to be consistent with each other. They are if there is only one trial, because its cell is read
    /// last.
    fn is_consistent(&self) -> bool {
        self.user.is_none()
            || matches!((&self.of_device, &self.of_user), (Some(one), Some(other)) if one.id == other.id)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.generation == other.generation && self.cells().eq(other.cells())
    }

    /// The cell that contains a trial.
    fn home(&self, id: Uuid) -> Option<&Cell> {
        let lies_in = |cell: &&Cell| {
            let content = decode(cell);
            matches!(content, Ok(Some(TrialCell { content: TrialCellContent::Own(known), .. })) if known.id == id)
        };
        self.cells().find(lies_in)
    }
}

#[async_trait]
impl Trials for RedisStore {
    async fn authorize(&self, authorization: Authorization) -> StoreResult<TrialVerdict> {
        let Authorization { temp_pass, identity, .. } = &authorization;
        for attempt in 0..MAX_ATTEMPTS {
            let lookup = self.look_up(temp_pass, identity).await?;
            let (verdict, changes) = temp_pass::decide(lookup.known(), &authorization, lookup.now);
            if changes.is_empty() {
                if lookup.is_consistent() || lookup.is_same(&self.look_up(temp_pass, identity).await?) {
                    return Ok(verdict);
                }
            } else if self.change_cells(&cell_changes(&lookup, &changes)?, lookup.now).await? {
                return Ok(verdict);
            }
            self.back_off(attempt).await;
        }
        Err(contended())
    }

    async fn get(
        &self,
        temp_pass: &TempPassKey,
        rule: &TempPassRule,
        identity: &TrialIdentity,
    ) -> StoreResult<TrialView> {
        let mut lookup = self.look_up(temp_pass, identity).await?;
        for _ in 0..MAX_ATTEMPTS {
            if lookup.is_consistent() {
                break;
            }
            let again = self.look_up(temp_pass, identity).await?;
            let is_same = lookup.is_same(&again);
            lookup = again;
            if is_same {
                break;
            }
        }
        Ok(temp_pass::view(lookup.known(), rule, lookup.now))
    }

    async fn reset(
        &self,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        application: &TrialApplication,
    ) -> StoreResult<Option<u64>> {
        let bound = match target {
            ResetTarget::Device(device_id) => key::cell(temp_pass, &Holder::device(device_id)),
            ResetTarget::Key(generic_key) => key::cell(temp_pass, &Holder::key(generic_key)),
            ResetTarget::All => {
                let generation = EngineCall::command("INCR", [key::generation(temp_pass)]);
                self.engine().call::<u64>(generation).await?;
                return Ok(None);
            }
        };
        for attempt in 0..MAX_ATTEMPTS {
            let generation = self.generation(temp_pass).await?;
            let (cell, mut now) = self.read_cell(bound.clone()).await?;
            let mut homes = Vec::new();
            let followed = self.follow(temp_pass, generation, &cell, &[&cell], &mut homes, &mut now).await?;
            if !matches!(followed, FollowedBinding::Later(_)) {
                if decide_reset(followed.known(), application, now).is_none() {
                    return Ok(Some(0));
                }
                let home = homes.into_iter().next().unwrap_or(cell);
                if self.change_cells(&[(home, None)], now).await? {
                    return Ok(Some(1));
                }
            }
            self.back_off(attempt).await;
        }
        Err(contended())
    }

    fn scan(&self) -> BoxStream<'static, StoreResult<(TempPassKey, Uuid, Trial)>> {
        let store = self.clone();
        self.scan_keys(key::DEVICES.to_owned())
            .try_filter_map(move |key| {
                let store = store.clone();
                async move {
                    let (temp_pass, _) = key::parse_cell(&key)?;
                    let generation = store.generation(&temp_pass).await?;
                    let (cell, now) = store.read_cell(key).await?;
                    Ok(match content(&cell, generation)? {
                        Ok(TrialCellContent::Own(KnownTrial { id, trial })) if now < trial.forget_time => {
                            Some((temp_pass, id, trial))
                        }
                        _ => None,
                    })
                }
            })
            .boxed()
    }
}

impl RedisStore {
    pub(super) async fn generation(&self, temp_pass: &TempPassKey) -> StoreResult<u64> {
        let read = EngineCall::command("GET", [key::generation(temp_pass)]);
        let number: Option<u64> = self.engine().call(read).await?;
        Ok(number.unwrap_or(0))
    }

    /// Reads the trials of an identity.
    async fn look_up(&self, temp_pass: &TempPassKey, identity: &TrialIdentity) -> StoreResult<TrialLookup> {
        for attempt in 0..MAX_ATTEMPTS {
            if let Some(lookup) = self.try_look_up(temp_pass, identity).await? {
                return Ok(lookup);
            }
            self.back_off(attempt).await;
        }
        Err(contended())
    }

    /// Reads the trials of an identity. `None` if a reset of all happened during the read.
    async fn try_look_up(
        &self,
        temp_pass: &TempPassKey,
        identity: &TrialIdentity,
    ) -> StoreResult<Option<TrialLookup>> {
        let device = self.read_cell(key::cell(temp_pass, &Holder::device(&identity.device_id)));
        let user = async {
            match &identity.generic_key {
                Some(user) => self.read_cell(key::cell(temp_pass, &Holder::key(user))).await.map(Some),
                None => Ok(None),
            }
        };
        let (generation, device, user) = tokio::try_join!(self.generation(temp_pass), device, user)?;
        let (device, device_time) = device;
        let (user, user_time) = user.map_or((None, device_time), |(cell, time)| (Some(cell), time));
        let (mut now, mut homes) = (device_time.max(user_time), Vec::new());
        let of_device = self.follow(temp_pass, generation, &device, &[&device], &mut homes, &mut now).await?;
        let of_user = match &user {
            Some(user) => self.follow(temp_pass, generation, user, &[&device], &mut homes, &mut now).await?,
            None => FollowedBinding::Nothing,
        };
        if matches!((&of_device, &of_user), (FollowedBinding::Later(_), _) | (_, FollowedBinding::Later(_))) {
            return Ok(None);
        }
        let (of_device, of_user) = (of_device.known(), of_user.known());
        Ok(Some(TrialLookup { generation, now, device, user, homes, of_device, of_user }))
    }

    /// Returns the trial that a cell contains or refers to, if it exists. If the trial's cell is not in `read`, reads it and adds
    /// it to `homes`.
    pub(super) async fn follow(
        &self,
        temp_pass: &TempPassKey,
        generation: u64,
        cell: &Cell,
        read: &[&Cell],
        homes: &mut Vec<Cell>,
        now: &mut Timestamp,
    ) -> StoreResult<FollowedBinding> {
        let followed = self.follow_cell(temp_pass, generation, cell, read, homes, now).await?;
        if let FollowedBinding::Later(later) = followed {
            // Either a reset of all happened in the meantime, or an earlier one was lost with its primary while a later write
            // was not.
            let raise =
                EngineCall::script(&script::GENERATION_RAISE, [key::generation(temp_pass)]).number(later);
            self.engine().call::<u64>(raise).await?;
        }
        Ok(followed)
    }

    async fn follow_cell(
        &self,
        temp_pass: &TempPassKey,
        generation: u64,
        cell: &Cell,
        read: &[&Cell],
        homes: &mut Vec<Cell>,
        now: &mut Timestamp,
    ) -> StoreResult<FollowedBinding> {
        let (home, id) = match content(cell, generation)? {
            Ok(TrialCellContent::Own(known)) => return Ok(FollowedBinding::Known(known)),
            Ok(TrialCellContent::Bound { home, id }) => (key::cell(temp_pass, &Holder::Device(home)), id),
            Err(nothing) => return Ok(nothing),
        };
        let found = read.iter().copied().chain(&*homes).find(|cell| cell.key == home).cloned();
        let cell = match found {
            Some(cell) => cell,
            None => {
                let (cell, time) = self.read_cell(home).await?;
                *now = time.max(*now);
                homes.push(cell.clone());
                cell
            }
        };
        Ok(match content(&cell, generation)? {
            Ok(TrialCellContent::Own(known)) if known.id == id => FollowedBinding::Known(known),
            Ok(_) => FollowedBinding::Nothing,
            Err(nothing) => nothing,
        })
    }
}

/// Decodes the content of a cell, of any generation.
fn decode(cell: &Cell) -> StoreResult<Option<TrialCell>> {
    let Some(value) = &cell.value else { return Ok(None) };
    Ok(Some(TrialCell::decode(value, key::digest_in_cell(&cell.key)?)?))
}

/// Decodes the content of a cell, if it belongs to this generation.
pub(super) fn content(
    cell: &Cell,
    generation: u64,
) -> StoreResult<Result<TrialCellContent, FollowedBinding>> {
    let Some(TrialCell { generation: of, content }) = decode(cell)? else {
        return Ok(Err(FollowedBinding::Nothing));
    };
    Ok(match of.cmp(&generation) {
        Ordering::Equal => Ok(content),
        Ordering::Less => Err(FollowedBinding::Nothing),
        Ordering::Greater => Err(FollowedBinding::Later(of)),
    })
}

/// The cells that a decision writes, and their new contents.
fn cell_changes(lookup: &TrialLookup, changes: &[TrialChange]) -> StoreResult<Vec<(Cell, NextValue)>> {
    let mut writes: BTreeMap<RedisKey, (Cell, TrialCellContent, Timestamp)> = BTreeMap::new();
    let mut started = None;
    // If two trials decide together, an unchanged one must stay unchanged until the other is written, so both are written.
    if let (Some(one), Some(other)) = (&lookup.of_device, &lookup.of_user)
        && one.id != other.id
    {
        for known in [one, other] {
            let cell = lookup.home(known.id).ok_or_else(unread_cell)?.clone();
            let write = (cell, TrialCellContent::Own(known.clone()), known.trial.forget_time);
            writes.insert(write.0.key.clone(), write);
        }
    }
    // Trials first: the bindings of a new trial refer to its cell.
    for change in changes {
        let (cell, known) = match change {
            TrialChange::Start(known) => {
                started = Some(known.id);
                (&lookup.device, known)
            }
            TrialChange::Use(known) => (lookup.home(known.id).ok_or_else(unread_cell)?, known),
            TrialChange::BindDevice(_) | TrialChange::BindKey(_) => continue,
        };
        let write = (cell.clone(), TrialCellContent::Own(known.clone()), known.trial.forget_time);
        writes.insert(cell.key.clone(), write);
    }
    for change in changes {
        let (cell, binding) = match change {
            TrialChange::BindDevice(binding) if started != Some(binding.id) => (&lookup.device, binding),
            TrialChange::BindKey(binding) => (lookup.user.as_ref().ok_or_else(unread_cell)?, binding),
            _ => continue,
        };
        let home = if started == Some(binding.id) {
            &lookup.device
        } else {
            lookup.home(binding.id).ok_or_else(unread_cell)?
        };
        let content = TrialCellContent::Bound { home: key::digest_in_cell(&home.key)?, id: binding.id };
        writes.insert(cell.key.clone(), (cell.clone(), content, binding.forget_time));
    }
    let encode = |(cell, content, end): (Cell, TrialCellContent, Timestamp)| {
        let value = TrialCell { generation: lookup.generation, content }.encode()?;
        Ok((cell, Some((value, end))))
    };
    writes.into_values().map(encode).collect()
}

/// A bug: a decision about a trial that was not read.
fn unread_cell() -> StoreError {
    StoreError::Corrupt("internal error: a decision refers to a trial whose cell was not read".to_owned())
}
