//! Who asks for what is being fetched waits for it: in a worker, between the workers of an Envoy, and across Envoys. What
//! may not be shared is not, whoever leads may vanish, and nobody waits for ever.

use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::pods::{PODS, Pods, fleet};
use e2e::service::{Crowd, numbered};
use e2e::{LIMIT, Outcome, settings, verdict};
use serde_json::{Value, json};
use stack::bootstrap::Bootstrap;
use stack::{Asked, Client, Request, Response, Step, answer};

/// So many ask at once.
const CROWD: usize = 1000;
/// Enough for each worker to have some.
const WAITERS: usize = 16;
/// Longer than any test takes, so that nobody is helped by his own impatience.
const LONG: &str = "8s";
/// A lease with room for a busy machine.
const LEASE: Duration = Duration::from_secs(3);

/// Connections in turn to each pod.
fn clients(pods: &Pods, count: usize) -> Result<Vec<Client>, String> {
    (0..count).map(|number| Client::connect(pods.port(number % PODS)?)).collect()
}

/// Sends a request on each connection, one right after the other.
fn ask(clients: &mut [Client], request: impl Fn(usize) -> Request) -> Outcome {
    clients.iter_mut().enumerate().try_for_each(|(number, client)| client.write(&request(number).bytes()))
}

/// Reads the answers to what was asked.
fn read(clients: &mut [Client]) -> Result<Vec<Response>, String> {
    clients.iter_mut().map(|client| client.read("GET")).collect()
}

/// Nobody is answered more than once for one question; the number of different answers.
fn different(answers: &[Response]) -> usize {
    let mut bodies: Vec<_> = answers.iter().map(|answer| &answer.body).collect();
    bodies.sort();
    bodies.dedup();
    bodies.len()
}

fn slow(time: Duration) -> impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static {
    move |asked| {
        sleep(time);
        numbered(asked)
    }
}

#[test]
fn a_thousand_at_once_reach_the_origin_once() {
    // The default wait is enough for 200 ms, but not where a busy machine takes a second for a thousand requests.
    fleet(slow(Duration::from_millis(200))).fill("3s", LONG).play(|pods| {
        let mut clients = clients(pods, CROWD)?;
        ask(&mut clients, |_| Request::get("/left/cold"))?;
        let answers = read(&mut clients)?;
        let leases = pods.leases();
        answers.iter().try_for_each(|answer| verdict::answered(answer, 200))?;
        verdict::same(pods.origin.count(), 1, &format!("how often the origin was asked ({leases})"))?;
        verdict::same(different(&answers), 1, "how many answers")?;
        let said: Vec<_> = answers.iter().filter_map(Response::cache_status).collect();
        let collapsed = said.iter().filter(|status| status.collapsed).count();
        let leaders = said.iter().filter(|status| !status.collapsed && !status.hit).count();
        eprintln!("{CROWD} at once, 200 ms: asked once; {collapsed} collapsed; {leases}");
        verdict::same((said.len(), leaders), (CROWD, 1), "who says that it led")?;
        verdict::holds(collapsed >= WAITERS, &format!("{collapsed} say that they waited"))
    });
}

/// The default wait is shorter than this origin takes: who has waited so long goes by itself.
#[test]
fn whoever_has_waited_long_enough_asks_for_himself() {
    fleet(slow(Duration::from_secs(2))).set(|builder| builder.change(no_breakers)).play(|pods| {
        let mut clients = clients(pods, CROWD)?;
        ask(&mut clients, |_| Request::get("/left/cold"))?;
        let answers = read(&mut clients)?;
        answers.iter().try_for_each(|answer| verdict::answered(answer, 200))?;
        let (count, leases) = (pods.origin.count(), pods.leases());
        eprintln!("{CROWD} at once, 2 s: asked {count} times; {leases}");
        // Those who led and those whose time was up, and nobody for another reason.
        let [alone, led] = ["timed_out", "led"].map(|outcome| pods.sum("leases_total", &[("outcome", outcome)]));
        verdict::holds(count as f64 <= alone + led, &format!("{count} were at the origin: {leases}"))?;
        verdict::same(different(&answers), count, "how many answers")
    });
}

/// So many at once are more than the shipped cluster takes, and it says so with 503.
fn no_breakers(bootstrap: &mut Bootstrap) -> Outcome {
    let clusters = bootstrap.tree().pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
    for cluster in clusters.ok_or("no clusters")? {
        let most = json!({ "max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096 });
        settings::set(cluster, "/circuit_breakers", json!({ "thresholds": [most] }));
    }
    Ok(())
}

#[test]
fn a_fetch_that_takes_longer_than_its_lease_is_still_the_only_one() {
    fleet(slow(Duration::from_secs(3))).fill("1s", LONG).play(|pods| {
        let mut clients = clients(pods, WAITERS)?;
        ask(&mut clients, |_| Request::get("/left/cold"))?;
        let answers = read(&mut clients)?;
        answers.iter().try_for_each(|answer| verdict::answered(answer, 200))?;
        verdict::same(pods.origin.count(), 1, &format!("how often the origin was asked ({})", pods.leases()))
    });
}

/// The first at the origin is alone there; from the second on all have to be there at once.
fn one_then_all(crowd: &Crowd, lines: &'static [(&'static str, &'static str)]) -> impl Fn(&Asked) -> Vec<Step> + use<> {
    let crowd = crowd.clone();
    move |asked| {
        match asked.number {
            0 => sleep(Duration::from_millis(200)),
            _ => crowd.meet(WAITERS - 1),
        }
        answer(200, lines, asked.number.to_string())
    }
}

/// What may not be shared: everybody gets an answer of his own, all at once after the first, and the next ones do not even
/// wait for a first.
fn each_for_itself(lines: &'static [(&'static str, &'static str)]) {
    let crowd = Crowd::default();
    fleet(one_then_all(&crowd, lines)).fill("3s", LONG).play(|pods| {
        let request = |number: usize| Request::get("/left/own").header("x-user", number.to_string());
        let mut first = clients(pods, WAITERS)?;
        ask(&mut first, request)?;
        let answers = read(&mut first)?;
        answers.iter().try_for_each(|answer| verdict::answered(answer, 200))?;
        verdict::same(different(&answers), WAITERS, &format!("{lines:?}: answers ({})", pods.leases()))?;
        verdict::same(crowd.most(), WAITERS - 1, &format!("{lines:?}: at the origin at once ({})", pods.leases()))?;
        crowd.forget();
        let mut next = clients(pods, WAITERS)?;
        ask(&mut next, |number| request(WAITERS + number))?;
        let answers = read(&mut next)?;
        verdict::same(different(&answers), WAITERS, &format!("{lines:?}: answers the next time"))?;
        verdict::holds(crowd.most() >= WAITERS - 1, &format!("{lines:?}: {} at once the next time", crowd.most()))
    });
}

#[test]
fn a_private_answer_is_for_one() {
    each_for_itself(&[("cache-control", "private, max-age=60")]);
}

#[test]
fn an_answer_with_a_cookie_is_for_one() {
    each_for_itself(&[("cache-control", "max-age=60"), ("set-cookie", "a=b")]);
}

#[test]
fn an_answer_that_is_not_to_be_stored_is_for_one() {
    each_for_itself(&[("cache-control", "no-store")]);
}

#[test]
fn an_answer_to_another_variant_is_for_one() {
    each_for_itself(&[("cache-control", "max-age=60"), ("vary", "x-user")]);
}

/// The first question is left without an answer.
fn first_hangs(asked: &Asked) -> Vec<Step> {
    if asked.number == 0 { vec![Step::Hang] } else { numbered(asked) }
}

/// One asks, and is at the origin; then the others ask.
fn lead(pods: &Pods, waiters: &mut [Client]) -> Result<Client, String> {
    let mut leader = Client::connect(pods.port(0)?)?;
    leader.write(&Request::get("/left/cold").bytes())?;
    pods.origin.until(1, LIMIT)?;
    ask(waiters, |_| Request::get("/left/cold"))?;
    Ok(leader)
}

/// All get the answer of one who took over, before they would have gone by themselves.
fn taken_over(pods: &Pods, waiters: &mut [Client]) -> Outcome {
    let answers = read(waiters)?;
    answers.iter().try_for_each(|answer| verdict::answered(answer, 200))?;
    verdict::same(pods.origin.count(), 2, &format!("how often the origin was asked ({})", pods.leases()))?;
    verdict::same(different(&answers), 1, "how many answers")?;
    verdict::same(pods.sum("leases_total", &[("outcome", "timed_out")]), 0.0, "who waited in vain")
}

#[test]
fn when_the_client_of_the_leader_leaves_another_takes_over() {
    fleet(first_hangs).fill("3s", LONG).play(|pods| {
        let mut waiters = clients(pods, WAITERS)?;
        lead(pods, &mut waiters)?.leave();
        taken_over(pods, &mut waiters)
    });
}

#[test]
fn when_the_envoy_of_the_leader_is_killed_another_takes_over() {
    fleet(first_hangs).fill("2s", LONG).play(|pods| {
        let port = pods.port(1)?;
        let mut waiters = (0..WAITERS).map(|_| Client::connect(port)).collect::<Result<Vec<_>, _>>()?;
        let _leader = lead(pods, &mut waiters)?;
        pods.fleet.pod(0)?.envoy.kill();
        taken_over(pods, &mut waiters)?;
        pods.fleet.pod(0)?.envoy.start()?;
        verdict::hit(&pods.get(0, "/left/cold")?, "l2")
    });
}

/// The first question fails in this way.
fn first_fails(pods_fail: impl Fn() -> Vec<Step> + Send + Sync + 'static) {
    let script = move |asked: &Asked| {
        if asked.number > 0 {
            return numbered(asked);
        }
        sleep(Duration::from_millis(300));
        pods_fail()
    };
    fleet(script).fill("3s", LONG).set(|builder| builder.change(no_retries)).play(|pods| {
        let mut waiters = clients(pods, WAITERS)?;
        let mut leader = lead(pods, &mut waiters)?;
        let failed = leader.read("GET")?;
        verdict::holds(failed.status >= 500, &format!("the leader gets {}", failed.status))?;
        let begun = Instant::now();
        read(&mut waiters)?.iter().try_for_each(|answer| verdict::answered(answer, 200))?;
        verdict::holds(begun.elapsed() < 2 * LEASE, &format!("all are answered after {:?}", begun.elapsed()))?;
        let waited = pods.sum("leases_total", &[("outcome", "timed_out")]);
        verdict::same(waited, 0.0, &format!("who waited in vain ({})", pods.leases()))
    });
}

/// The shipped route asks again after a reset, and then nothing has failed.
fn no_retries(bootstrap: &mut Bootstrap) -> Outcome {
    let routes = bootstrap.connection_manager()?.pointer_mut("/route_config/virtual_hosts/0/routes/0/route");
    let route = routes.and_then(Value::as_object_mut).ok_or("no route")?;
    route.remove("retry_policy");
    Ok(())
}

#[test]
fn when_the_origin_of_the_leader_fails_the_others_are_served() {
    first_fails(|| answer(503, &[], "not now"));
}

#[test]
fn when_the_origin_of_the_leader_breaks_off_the_others_are_served() {
    first_fails(|| vec![Step::Reset]);
}

/// A body cut short is not shared: whoever waits for it is served by another fetch.
#[test]
fn when_the_answer_of_the_leader_is_cut_short_the_others_are_served() {
    let script = |asked: &Asked| {
        if asked.number > 0 {
            return numbered(asked);
        }
        let head = b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 9\r\n\r\nabc".to_vec();
        vec![
            Step::Sleep(Duration::from_millis(300)),
            Step::Write(head),
            Step::Sleep(Duration::from_millis(50)),
            Step::Reset,
        ]
    };
    fleet(script).fill("3s", LONG).play(|pods| {
        let mut waiters = clients(pods, WAITERS)?;
        let mut leader = lead(pods, &mut waiters)?;
        verdict::holds(leader.read("GET").is_err(), "the leader's answer is cut short")?;
        taken_over(pods, &mut waiters)
    });
}
