-- SPDX-License-Identifier: Apache-2.0

local alice = "alice@example.com"
local hook = "https://example.com/hook"

local function start(settings)
    core{ users = { alice } }
    settings = settings or {}
    settings.targets = settings.targets or { { url = hook } }
    return script("../notify.lua", settings)
end

local function cut(email) events.raise("script.user_cut", { email = email or alice, used = size("1MB"), plan = size("1MB") }) end

test("events are sent together after a few seconds", function()
    start()
    answer(hook, { status = 200 })
    cut()
    events.raise("script.user_restored", { email = alice })
    advance("2s")
    expect(requests()):is{}
    advance("1s")
    local made = requests()
    expect(made):counts(1)
    expect(made[1].method):is("POST")
    local body = json.decode(made[1].body)
    expect(body.text):is("tidegate: alice@example.com has used up the plan of 1.00 MB and is cut off\nalice@example.com is back")
    expect(body.events[1].name):is("script.user_cut")
    expect(body.events[1].plan):is(size("1MB"))
    advance("1h")
    expect(requests()):counts(1)
end)

test("the quota script's cuts and the core's changes arrive", function()
    start()
    answer(hook, { status = 204 })
    script("../quota.lua", { plans = { [alice] = "1kB" } })
    traffic(alice, { up = 2000 })
    handler.RemoveInbound{ tag = "in" }
    advance("3s")
    expect(json.decode(requests()[1].body).text):contains("alice@example.com has used up"):contains("inbound in was removed")
end)

test("Telegram gets its own form", function()
    local url = "https://api.telegram.org/bot1:secret/sendMessage"
    local notify = start{ targets = { { url = url, format = "telegram", chat = "-100" } }, title = "gate 1" }
    answer(url, { status = 200 })
    cut()
    for _ = 1, 100 do events.raise("script.note", { text = ("ü"):rep(200) }) end
    advance("3s")
    local body = json.decode(requests()[1].body)
    expect(body.chat_id):is("-100")
    expect(body.text):matches("^gate 1: alice@example.com has used up")
    expect(#body.text):at_most(4010)
    expect(requests()):counts(6)
    expect(notify:log()):lacks("secret")
end)

test("a target that does not answer is tried again, later and later", function()
    local notify = start{ pause = "1s", retries = 5 }
    answer(hook, { fail = "connection refused", times = 2 })
    answer(hook, { status = 503, times = 1 })
    answer(hook, { status = 200 })
    cut()
    advance("3s")
    expect(requests()):counts(1)
    advance("1s")
    expect(requests()):counts(2)
    advance("2s")
    expect(requests()):counts(3)
    advance("4s")
    expect(requests()):counts(4)
    advance("1h")
    expect(requests()):counts(4)
    expect(notify:log()):contains("[Warning] example.com does not answer:"):contains("example.com answers with status 503")
    expect(requests()[4].body):is(requests()[1].body)
end)

test("a target that says how long to wait is obeyed", function()
    start()
    answer(hook, { status = 429, headers = { ["Retry-After"] = "60" }, times = 1 })
    answer(hook, { status = 200 })
    cut()
    advance("62s")
    expect(requests()):counts(1)
    advance("1s")
    expect(requests()):counts(2)
end)

test("what is refused for good is not tried again, and what fails for long is given up", function()
    local notify = start{ retries = 2, pause = "1s" }
    answer(hook, { status = 404, times = 1 })
    answer(hook, { fail = "timeout" })
    cut()
    advance("1m")
    expect(requests()):counts(1)
    cut()
    advance("1m")
    expect(requests()):counts(4)
    expect(notify:log()):contains("[Error] example.com: 1 events are given up after 3 tries")
end)

test("a target that is down holds up no other", function()
    start{ targets = { { url = "https://down.example/" }, { url = hook, format = "text", headers = { ["X-Key"] = "k" } } } }
    answer("https://down.example/*", { fail = "timeout" })
    answer(hook, { status = 200 })
    cut()
    advance("3s")
    cut("bob@example.com")
    advance("3s")
    local arrived = {}
    for _, request in ipairs(requests()) do
        if request.url == hook then arrived[#arrived + 1] = request end
    end
    expect(arrived):counts(2)
    expect(arrived[2].body):is("tidegate: bob@example.com has used up the plan of 1.00 MB and is cut off")
    expect(arrived[2].headers["X-Key"]):is("k")
end)

test("only so many events wait, and those left out are told", function()
    start{ queue = 3 }
    answer(hook, { status = 200 })
    for index = 1, 5 do cut("user" .. index) end
    advance("3s")
    local text = json.decode(requests()[1].body).text
    expect(text):lacks("user1"):lacks("user2"):contains("user3"):contains("user5"):contains("2 older events are left out")
end)

test("what was not sent is sent after a restart", function()
    start()
    answer(hook, { status = 200 })
    cut()
    restart()
    advance("3s")
    expect(requests()):counts(1)
    restart()
    advance("10s")
    expect(requests()):counts(1)
end)

test("events and texts can be chosen", function()
    start{ events = { "user.*" }, texts = { ["user.removed"] = "{email} left {inbound}" } }
    answer(hook, { status = 200 })
    cut()
    users.remove("in", alice)
    advance("3s")
    expect(json.decode(requests()[1].body).text):is("tidegate: alice@example.com left in")
end)

test("settings are checked", function()
    core{ users = { alice } }
    local function refused(target, part) expect(function() start{ targets = { target } } end):fails(part) end
    refused({ format = "json" }, "targets[1].url: missing")
    refused({ url = "example.com" }, "targets[1].url: an address that begins with https://")
    refused({ url = hook, format = "telegram" }, "targets[1].chat: missing")
    refused({ url = hook, format = "fax" }, 'targets[1].format: "json" or "text" or "telegram"')
end)

test("what waits at a reload is sent after it", function()
    local notify = start{ batch = "10s" }
    answer(hook, { status = 200 })
    cut()
    advance("2s")
    notify:reload()
    advance("5m")
    expect(requests()):counts(1)
end)
