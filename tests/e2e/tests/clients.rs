//! Clients leave whenever they like: nothing hangs, nothing half is stored, and what was to be stored still is.

use std::time::Duration;

use e2e::{Outcome, Scene, before, service, settings, until, verdict};
use stack::{Client, Request, Step, answer};

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES))
}

/// How many requests Envoy has under way.
fn under_way(scene: &Scene) -> Result<f64, String> {
    let prefix = [("envoy_http_conn_manager_prefix", "fingerprint_api")];
    Ok(scene.metrics()?.sum("envoy_http_downstream_rq_active", &prefix))
}

/// Sends bytes of a request and leaves once Envoy has it.
fn start_and_leave(scene: &Scene, bytes: &[u8]) -> Outcome {
    let mut client = scene.stack.client()?;
    client.write(bytes)?;
    until("the request to be under way", || Ok(under_way(scene)? == 1.0))?;
    client.leave();
    until("the request to be over", || Ok(under_way(scene)? == 0.0))
}

#[test]
fn a_client_leaves_while_redis_is_asked() {
    before(service::numbered).play(|scene| {
        scene.warm(&mut scene.stack.client()?, &profile("before"))?;
        let asked = scene.origin.count();
        scene.stack.redis.pause();
        for _ in 0..4 {
            start_and_leave(scene, &profile("left").bytes())?;
        }
        scene.until_sum("l2_calls_total", &[("op", "lookup"), ("outcome", "abandoned")], 4.0)?;
        verdict::same(scene.origin.count(), asked, "how often the origin was asked")?;
        scene.stack.redis.resume();
        verdict::stored(&scene.send(&profile("left"))?)?;
        verdict::any_hit(&scene.send(&profile("before"))?)
    });
}

#[test]
fn a_client_leaves_while_its_body_is_awaited() {
    before(service::identified).one_worker().play(|scene| {
        let whole = Request::post(settings::IDENTIFY, "{\"tls_data\":\"AAEC\"}").bytes();
        let body = whole.len() - 19;
        for part in [body, body + 1, whole.len() - 1] {
            start_and_leave(scene, &whole[..part])?;
        }
        verdict::same(scene.origin.count(), 0, "how often the origin was asked")?;
        let mut client = scene.stack.client()?;
        client.write(&whole)?;
        verdict::stored(&client.read("POST")?)
    });
}

#[test]
fn a_client_leaves_while_the_origin_thinks() {
    before(|_| vec![Step::Hang]).one_worker().play(|scene| {
        start_and_leave(scene, &profile("left").bytes())?;
        stored_anew(scene)
    });
}

#[test]
fn a_client_leaves_in_the_middle_of_its_answer() {
    let half = service::raw(b"cache-control: max-age=60\r\ncontent-length: 8\r\n", b"half");
    let chunk = service::raw(b"cache-control: max-age=60\r\ntransfer-encoding: chunked\r\n", b"4\r\nhalf\r\n");
    let sent = |scene: &Scene| -> Result<f64, String> {
        let prefix = [("envoy_http_conn_manager_prefix", "fingerprint_api")];
        Ok(scene.metrics()?.sum("envoy_http_downstream_cx_tx_bytes_total", &prefix))
    };
    before(service::numbered).one_worker().play(|scene| {
        for bytes in [half, chunk] {
            scene.origin.becomes(move |_| vec![Step::Write(bytes.clone()), Step::Hang]);
            let before = sent(scene)?;
            let mut client = scene.stack.client()?;
            client.write(&profile("left").bytes())?;
            until("a part of the answer to be sent", || Ok(sent(scene)? > before))?;
            client.leave();
            until("the request to be over", || Ok(under_way(scene)? == 0.0))?;
            verdict::same(scene.sum("entries", &[])?, 0.0, "entries")?;
        }
        stored_anew(scene)
    });
}

/// The next client is answered by the origin, and the next but one from memory.
fn stored_anew(scene: &Scene) -> Outcome {
    scene.origin.becomes(service::numbered);
    verdict::stored(&scene.send(&profile("left"))?)?;
    verdict::hit(&scene.send(&profile("left"))?, "l1")
}

#[test]
fn the_entry_is_in_redis_though_its_client_left_at_once() {
    before(service::numbered).play(|scene| {
        let mut client = scene.stack.client()?;
        verdict::stored(&client.send(&profile("left"))?)?;
        client.leave();
        scene.until_fills(1.0)?;
        verdict::same(scene.stack.redis.entries()?.len(), 1, "how many entries are in Redis")
    });
}

#[test]
fn a_slow_client_gets_its_answer_and_others_are_cached_as_before() {
    before(service::identified).one_worker().play(|scene| {
        let request = |name: &str| Request::post(format!("{}?{name}", settings::IDENTIFY), "{\"tls_data\":\"AAEC\"}");
        let (slow, split) = (request("slow").bytes(), request("slow").bytes().len() - 19);
        let mut client = scene.stack.client()?;
        client.write(&slow[..split])?;
        // Its body does not come in the time that the filter gives it.
        scene.until_sum("forwarded_total", &[("rule", "identify"), ("reason", "body_withheld")], 1.0)?;
        std::thread::sleep(Duration::from_millis(500));
        client.write(&slow[split..])?;
        verdict::passed(&client.read("POST")?, "body_withheld")?;
        verdict::stored(&scene.send(&request("next"))?)?;
        verdict::hit(&scene.send(&request("next"))?, "l1")?;
        begun(scene, &request("begun").bytes())
    });
}

/// A body that has begun is waited for.
fn begun(scene: &Scene, bytes: &[u8]) -> Outcome {
    let mut client = scene.stack.client()?;
    let (first, last) = bytes.split_at(bytes.len() - 1);
    client.write(first)?;
    std::thread::sleep(Duration::from_millis(1500));
    client.write(last)?;
    verdict::stored(&client.read("POST")?)
}

/// None is in memory: Envoy closes a connection with several answers of its own in its buffer, whoever gave them.
#[test]
fn requests_in_a_row_on_one_connection_are_answered_in_order() {
    before(service::numbered).one_worker().play(|scene| {
        let mut client = scene.stack.client()?;
        let names = ["a", "b", "c", "d", "e"];
        client.write(&names.map(|name| profile(name).bytes()).concat())?;
        for name in names {
            let path = client.read("GET")?.json()?["path"].as_str().unwrap_or_default().to_owned();
            verdict::holds(path.ends_with(&format!("/{name}")), &format!("{path} for {name}"))?;
        }
        verdict::same(scene.origin.count(), 5, "how often the origin was asked")
    });
}

#[test]
fn many_clients_at_once_are_all_answered_while_redis_is_slow() {
    before(service::numbered).set(|builder| settings::patient(builder, "500ms")).play(|scene| {
        scene.warm(&mut scene.stack.client()?, &profile("before"))?;
        scene.stack.redis.pause();
        let mut clients = (0..200).map(|_| scene.stack.client()).collect::<Result<Vec<Client>, _>>()?;
        for (number, client) in clients.iter_mut().enumerate() {
            client.write(&profile(&format!("many-{number}")).bytes())?;
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let answer = client.read("GET")?;
            verdict::from_origin(&answer).map_err(|error| format!("client {number}: {error}"))?;
        }
        scene.stack.redis.resume();
        until("nothing to be under way", || Ok(under_way(scene)? == 0.0))
    });
}

#[test]
fn a_client_of_the_old_protocol_and_one_that_closes_are_answered() {
    before(|_| answer(200, &[], "x")).one_worker().play(|scene| {
        let close = profile("close").header("connection", "close");
        verdict::stored(&scene.send(&close)?)?;
        verdict::hit(&scene.send(&close)?, "l1")?;
        let mut client = scene.stack.client()?;
        client.write(b"GET /v1/fingerprints/profiles/close HTTP/1.0\r\n\r\n")?;
        // Envoy does not speak it unless told to.
        verdict::answered(&client.read("GET")?, 426)
    });
}
