//! A director's directive z = {agent, action, tone}: what it reads, how it is written as text, how it is drawn, what of it is learnt.
//!
//! MASCOT shows z as three labelled lines (methods 1.3):
//!
//! ```text
//! Agent: The Anchor
//! Action: Validate the user's guilt.
//! Tone: Calm and empathetic
//! ```
//!
//! The agent is a constrained choice among the seats, so that every directive parses; its log-probability is that of the
//! constrained distribution. Action and tone are sampled up to the end of their line. The labels are forced, and carry no loss.

use mascot_run::engine::Fault;
use mascot_run::task::{DirectorSpec, Order};

use super::Work;
use super::sft::Lesson;
use crate::data::{Row, same_persona};
use crate::generate::read::Reading;
use crate::generate::{Ask, Finish, Sampling, choose};
use crate::model::Lm;
use crate::model::causal_lm::Prefix;
use crate::nn::{Lora, Pack};
use crate::rng::Rng;
use crate::text::{Message, Utterance, chat};

/// The agent of a directive that nobody is to follow.
const NOBODY: &str = "Nobody";

/// A director at work: its model and its labels as ids.
pub struct Director<'a> {
    pub spec: &'a DirectorSpec,
    pub lm: Lm,
    system: String,
    agent: Vec<u32>,
    /// One a seat, and one for silence where it may choose that.
    options: Vec<Vec<u32>>,
    action: Vec<u32>,
    tone: Vec<u32>,
    newline: Vec<u32>,
}

/// Where a directive is drawn.
pub struct At<'a> {
    /// The dialogue so far.
    pub turns: Vec<Utterance<'a>>,
    /// Names the draws of this place.
    pub key: u64,
    /// The turn's number in its block, for an order that is not learned.
    pub turn: usize,
    /// What was read for the turn before: a later prompt begins as an earlier one does.
    pub read: Option<&'a (Vec<u32>, Prefix)>,
}

/// A directive that was drawn, and all that its training needs.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Directive {
    /// Index of the seat; `None`: nobody speaks.
    pub seat: Option<usize>,
    pub action: String,
    pub tone: String,
    /// The prompt up to and with the label of the agent.
    pub prompt: Vec<u32>,
    /// Which option was drawn; `None` where the order is not learned.
    pub chosen: Option<usize>,
    /// What follows the label: agent, labels, action, tone.
    pub ids: Vec<u32>,
    /// 1 where a token of `ids` was sampled.
    pub mask: Vec<bool>,
}

impl<'a> Director<'a> {
    /// # Errors
    /// When a text cannot be encoded.
    pub fn new(spec: &'a DirectorSpec, lm: Lm) -> Result<Self, Fault> {
        let encode = |text: &str| lm.tokenizer().encode(text);
        let seats = spec.seats.iter().map(|seat| match &seat.role {
            Some(role) => format!("{} ({role})", seat.name),
            None => seat.name.clone(),
        });
        let seats = format!("Companions: {}.", seats.collect::<Vec<_>>().join("; "));
        let voice = chat::system_text("the director", spec.voice.as_deref(), &[]);
        let system = if voice.is_empty() { seats } else { format!("{voice}\n{seats}") };
        let mut names: Vec<&str> = spec.seats.iter().map(|seat| seat.name.as_str()).collect();
        if spec.silence {
            names.push(NOBODY);
        }
        let options = names.iter().map(|name| encode(&format!(" {name}\n"))).collect::<Result<_, _>>()?;
        let (agent, action, tone, newline) = (encode("Agent:")?, encode("Action:")?, encode("Tone:")?, encode("\n")?);
        Ok(Self { spec, system, agent, options, action, tone, newline, lm })
    }

    /// What it reads, with the label of the agent written.
    fn prompt(&self, turns: &[Utterance<'_>]) -> Result<Vec<u32>, Fault> {
        let messages: Vec<Message> = chat::conversation_for(&self.system, None, turns, None);
        let mut ids = self.lm.chat().prompt(self.lm.tokenizer(), &messages)?;
        ids.extend(&self.agent);
        Ok(ids)
    }

    /// Draws a directive at every place, and gives what was read for it. Draws depend on (seed, key) alone.
    ///
    /// # Errors
    /// As the model; [`Fault::Interrupted`].
    pub fn direct(
        &self,
        places: &[At<'_>],
        adapter: Option<&Lora>,
        how: &Sampling,
        seed: u64,
        work: &mut Work<'_>,
    ) -> Result<(Vec<Directive>, Vec<Prefix>), Fault> {
        let divisor = if how.temperature > 0.0 { how.temperature as f32 } else { 1.0 };
        // Blocks of one situation begin with one prompt: each is read once, and what is written after it goes on from there.
        let mut prompts: Vec<(Vec<u32>, Option<Prefix>)> = Vec::new();
        let mut beginnings = Vec::with_capacity(places.len());
        for place in places {
            let prompt = self.prompt(&place.turns)?;
            let at = prompts.iter().position(|(known, _)| *known == prompt).unwrap_or(prompts.len());
            if at == prompts.len() {
                let before = place.read.and_then(|(known, prefix)| {
                    let common = known.iter().zip(&prompt[..prompt.len() - 1]).take_while(|(a, b)| a == b).count();
                    (common > 0).then(|| prefix.cut(common))
                });
                prompts.push((prompt, before));
            }
            beginnings.push(at);
        }
        let options: &[Vec<u32>] = if self.spec.order == Order::Learned { &self.options } else { &[] };
        let readings: Vec<Reading<'_>> = prompts
            .iter()
            .map(|(prompt, before)| {
                let known = before.as_ref().map_or(0, Prefix::len);
                Reading { before: before.as_ref(), ids: &prompt[known..], options }
            })
            .collect();
        work.count(readings.iter().map(|reading| reading.ids.len()).sum());
        let read = self.lm.read(adapter, &readings, divisor)?;
        let mut open = Vec::with_capacity(places.len());
        for (place, &at) in places.iter().zip(&beginnings) {
            let chosen = match self.spec.order {
                Order::Learned => {
                    let mut rest = read[at].logps.as_slice();
                    let mut total = |option: &Vec<u32>| {
                        let (own, after) = rest.split_at(option.len());
                        rest = after;
                        own.iter().sum::<f32>()
                    };
                    let totals: Vec<f32> = options.iter().map(&mut total).collect();
                    Some(choose::draw(&choose::constrained(&totals), how.temperature, seed, place.key))
                }
                Order::RoundRobin | Order::Random => None,
            };
            let seats = self.spec.seats.len();
            let index = chosen.unwrap_or_else(|| match self.spec.order {
                Order::RoundRobin => place.turn % seats,
                _ => Rng::new(seed).fork("random order").at(place.key).below(0, seats),
            });
            let mut directive = Directive {
                seat: Some(index).filter(|&index| index < seats),
                action: String::new(),
                tone: String::new(),
                prompt: prompts[at].0.clone(),
                chosen,
                ids: Vec::new(),
                mask: Vec::new(),
            };
            directive.force(&self.options[index]);
            directive.force(&self.action);
            open.push(directive);
        }
        let line = |max_new: u32| Sampling { max_new: max_new as usize, stop: vec!["\n".into()], ..how.clone() };
        let of = &self.spec.directive;
        let before: Vec<&Prefix> = beginnings.iter().map(|&at| &read[at].prefix).collect();
        for (index, text) in self.line(&mut open, places, &before, adapter, &line(of.action), seed, 1, work)? {
            open[index].action = text;
            open[index].force(&self.tone);
        }
        for (index, text) in self.line(&mut open, places, &before, adapter, &line(of.tone), seed, 2, work)? {
            open[index].tone = text;
        }
        Ok((open, before.into_iter().cloned().collect()))
    }

    /// Samples one line of every directive that somebody is to follow.
    #[allow(clippy::too_many_arguments)]
    fn line(
        &self,
        open: &mut [Directive],
        places: &[At<'_>],
        before: &[&Prefix],
        adapter: Option<&Lora>,
        how: &Sampling,
        seed: u64,
        number: u64,
        work: &mut Work<'_>,
    ) -> Result<Vec<(usize, String)>, Fault> {
        let speaking: Vec<usize> = (0..open.len()).filter(|&i| open[i].seat.is_some()).collect();
        let asks: Vec<Ask<'_>> = speaking
            .iter()
            .map(|&i| Ask {
                prompt: [&open[i].prompt[..], &open[i].ids[..]].concat(),
                adapter,
                n: 1,
                key: places[i].key.wrapping_mul(4).wrapping_add(number),
            })
            .collect();
        let before: Vec<&Prefix> = speaking.iter().map(|&i| before[i]).collect();
        let lines = work.generate_after(&self.lm, &before, &asks, how, seed)?;
        let mut texts = Vec::new();
        for (&index, mut line) in speaking.iter().zip(lines) {
            let line = line.remove(0);
            open[index].sampled(&line.ids);
            // The label of the tone stands on a line of its own, also where the model did not end the action's.
            if line.finish != Finish::Stop && number == 1 {
                open[index].force(&self.newline);
            }
            texts.push((index, line.text.trim().to_owned()));
        }
        Ok(texts)
    }

    /// Adds directives of one prompt to a pack: every option of the agent, then the whole of each.
    pub fn pack(&self, same: &[&Directive], pack: &mut Pack) {
        let mut parts: Vec<&[u32]> = self.compared(same).map(Vec::as_slice).collect();
        parts.extend(same.iter().map(|directive| directive.ids.as_slice()));
        pack.push(&same[0].prompt, &parts);
    }

    /// How many targets [`Director::pack`] adds.
    pub fn targets(&self, same: &[&Directive]) -> usize {
        self.compared(same).map(Vec::len).sum::<usize>()
            + same.iter().map(|directive| directive.ids.len()).sum::<usize>()
    }

    /// The options that a choice was made among; none where the order is not learned.
    fn compared(&self, same: &[&Directive]) -> impl Iterator<Item = &Vec<u32>> {
        let chose = same[0].chosen.is_some();
        self.options.iter().filter(move |_| chose)
    }

    /// Of each directive the log-probabilities that are learnt, from those of the targets that [`Director::pack`] added: first the
    /// choice's, under the constrained distribution, then those of the sampled tokens.
    pub fn learnt(&self, same: &[&Directive], targets: &[f32]) -> Vec<Vec<f32>> {
        let (totals, mut rest) = self.split(same, targets);
        let choice = choose::constrained(&totals);
        let of = |directive: &&Directive| {
            let (own, after) = rest.split_at(directive.ids.len());
            rest = after;
            let sampled = own.iter().zip(&directive.mask).filter(|(_, sampled)| **sampled).map(|(logp, _)| *logp);
            directive.chosen.map(|chosen| choice[chosen]).into_iter().chain(sampled).collect()
        };
        same.iter().map(of).collect()
    }

    /// The gradient by targets, from that by what is learnt: d log softmax(s)_c / d s_j = [j = c] − softmax(s)_j.
    pub fn spread(&self, same: &[&Directive], targets: &[f32], dlearnt: &[&[f32]]) -> Vec<f32> {
        let (totals, _) = self.split(same, targets);
        let choice = choose::constrained(&totals);
        let mut doptions = vec![0.0f32; totals.len()];
        let mut dsampled = Vec::new();
        for (directive, dlearnt) in same.iter().zip(dlearnt) {
            let mut learnt = dlearnt.iter().copied();
            if let Some(chosen) = directive.chosen {
                let d = learnt.next().unwrap_or(0.0);
                for (j, sum) in doptions.iter_mut().enumerate() {
                    *sum += d * (f32::from(u8::from(j == chosen)) - choice[j].exp());
                }
            }
            dsampled
                .extend(directive.mask.iter().map(|sampled| if *sampled { learnt.next().unwrap_or(0.0) } else { 0.0 }));
        }
        // An option's log-probability is the sum of its tokens'.
        let by_option = self.compared(same).zip(doptions).flat_map(|(option, d)| std::iter::repeat_n(d, option.len()));
        by_option.chain(dsampled).collect()
    }

    /// Σ log p of each option, and the targets of the directives themselves.
    fn split<'t>(&self, same: &[&Directive], targets: &'t [f32]) -> (Vec<f32>, &'t [f32]) {
        let mut at = 0;
        let mut totals = Vec::new();
        for option in self.compared(same) {
            totals.push(targets[at..at + option.len()].iter().sum());
            at += option.len();
        }
        (totals, &targets[at..])
    }

    /// By how much each number that is learnt of it counts: agent, action and tone alike, whatever their lengths, and one on the
    /// mean. One number in thirty says who speaks; counted as a token among tokens it drowns in the noise of the words around it.
    pub fn weights(directive: &Directive) -> Vec<f32> {
        let runs = directive.mask.chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[bool]>::len);
        let parts: Vec<usize> = directive.chosen.map(|_| 1).into_iter().chain(runs).collect();
        let whole = parts.iter().sum::<usize>() as f32 / parts.len().max(1) as f32;
        parts.iter().flat_map(|&part| std::iter::repeat_n(whole / part as f32, part)).collect()
    }

    /// How many numbers are learnt of it.
    pub fn learnt_len(directive: &Directive) -> usize {
        usize::from(directive.chosen.is_some()) + directive.mask.iter().filter(|sampled| **sampled).count()
    }
}

impl Directive {
    fn force(&mut self, ids: &[u32]) {
        self.ids.extend(ids);
        self.mask.extend(ids.iter().map(|_| false));
    }

    fn sampled(&mut self, ids: &[u32]) {
        self.ids.extend(ids);
        self.mask.extend(ids.iter().map(|_| true));
    }
}

/// A written directive as a lesson, in the very pieces in which it will be sampled. `None` when its agent has no seat.
///
/// # Errors
/// When a text cannot be encoded.
pub fn lesson(spec: &DirectorSpec, row: &Row, lm: &Lm) -> Result<Option<Lesson>, Fault> {
    let Some((agent, action, tone)) = &row.directive else { return Ok(None) };
    let director = Director::new(spec, lm.clone())?;
    let seat = spec.seats.iter().position(|seat| same_persona(&seat.name, agent));
    let silent = spec.silence && same_persona(agent, NOBODY);
    let Some(option) = seat.or(silent.then_some(spec.seats.len())) else { return Ok(None) };
    // Speakers of a history are known by any of their spellings.
    let named: Vec<(Option<&str>, &str)> = row
        .history
        .iter()
        .map(|turn| {
            let seat = spec.seats.iter().find(|seat| same_persona(&seat.name, &turn.speaker));
            (seat.map(|seat| seat.name.as_str()), turn.text.as_str())
        })
        .collect();
    let said = row.said();
    let mut turns = vec![Utterance { speaker: None, text: &said }];
    turns.extend(named.iter().map(|(speaker, text)| Utterance { speaker: *speaker, text }));
    let prompt = director.prompt(&turns)?;
    let encode = |text: &str| lm.tokenizer().encode(text);
    let mut completion = director.options[option].clone();
    if seat.is_some() {
        completion.extend(&director.action);
        completion.extend(encode(&format!(" {}\n", action.trim()))?);
        completion.extend(&director.tone);
        completion.extend(encode(&format!(" {}", tone.trim()))?);
    }
    completion.extend(lm.end_of_turn());
    Ok(Some(Lesson { prompt, completion }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directive(chosen: Option<usize>, mask: &[u8]) -> Directive {
        Directive {
            seat: Some(0),
            action: String::new(),
            tone: String::new(),
            prompt: vec![1],
            chosen,
            ids: vec![7; mask.len()],
            mask: mask.iter().map(|sampled| *sampled == 1).collect(),
        }
    }

    #[test]
    fn the_parts_of_a_directive_count_alike_and_one_on_the_mean() {
        // Agent; four tokens of action; a forced label; one of tone.
        let weights = Director::weights(&directive(Some(2), &[0, 0, 1, 1, 1, 1, 0, 1]));
        assert_eq!(weights, [2.0, 0.5, 0.5, 0.5, 0.5, 2.0]);
        // In an order that is not learned the choice is not there.
        let weights = Director::weights(&directive(None, &[0, 1, 1, 1, 0, 1]));
        assert_eq!(weights, [2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0]);
        // Nobody is to follow it: the choice alone.
        assert_eq!(Director::weights(&directive(Some(3), &[0, 0])), [1.0]);
        for (chosen, mask) in [(Some(0), vec![0, 1, 0]), (None, vec![1; 5]), (Some(1), vec![1, 1, 0, 1, 1, 1])] {
            let directive = directive(chosen, &mask);
            let weights = Director::weights(&directive);
            assert_eq!(weights.len(), Director::learnt_len(&directive));
            assert!((weights.iter().sum::<f32>() / weights.len() as f32 - 1.0).abs() < 1e-6);
        }
    }
}
