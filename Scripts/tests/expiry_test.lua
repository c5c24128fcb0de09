-- SPDX-License-Identifier: Apache-2.0

local alice, bob = "alice@example.com", "bob@example.com"

local function start(date, settings)
    settings = settings or {}
    settings.users = { [alice] = date }
    settings.zone = settings.zone or "Europe/Berlin"
    return script("../expiry.lua", settings)
end

test("a user ends with the last second of the day, in the zone", function()
    clock("2026-03-31 23:59:58", "Europe/Berlin")
    core{ users = { alice, bob } }
    local expiry = start("2026-03-31")
    local flow = connect(alice)
    advance("1s")
    expect(emails()):is{ alice, bob }
    advance("1s")
    expect(emails()):is{ bob }
    expect(flow:is_open()):is_false()
    expect(expiry:log()):contains("[Warning] alice@example.com has ended at 2026-03-31: removed from in, 1 connection closed")
end)

test("an end may have a time of day", function()
    clock("2026-03-31 17:59", "Europe/Berlin")
    core{ users = { alice } }
    start("2026-03-31 18:00")
    advance("59s")
    expect(emails()):is{ alice }
    advance("1s")
    expect(emails()):is{}
end)

test("warnings come days before, each once, also over a restart", function()
    clock("2026-03-01 00:00", "UTC")
    core{ users = { alice } }
    local expiry = start("2026-03-20", { zone = "UTC", warn_days = { 3, 10 }, interval = "1h" })
    advance("9d")
    expect(expiry:log()):is{}
    advance("24h")
    expect(expiry:log()):is{ "[Warning] alice@example.com ends at 2026-03-20, in 10 days" }
    restart()
    advance("5d")
    expect(expiry:log()):counts(1)
    advance("3d")
    expect(expiry:log()):counts(2):contains("ends at 2026-03-20, in 3 days")
end)

test("who is extended is back as before", function()
    clock("2026-04-01 00:00", "UTC")
    core{ inbounds = { one = { alice }, two = { alice, bob } } }
    local before = users.get("two", alice)
    local expiry = start("2026-03-31")
    expect(emails("one")):is{}
    expect(emails("two")):is{ bob }
    expiry:stop()
    start("2026-06-30")
    expect(emails("one")):is{ alice }
    expect(users.get("two", alice)):is(before)
end)

test("who is taken out of the settings is back, too", function()
    clock("2026-04-01 00:00", "UTC")
    core{ users = { alice } }
    start("2026-03-31"):stop()
    expect(emails()):is{}
    script("../expiry.lua", { users = { [bob] = "2026-12-31" } })
    expect(emails()):is{ alice }
end)

test("who has ended stays removed, over restarts and when added back", function()
    clock("2026-04-01 00:00", "UTC")
    core{ users = { alice, bob } }
    start("2026-03-31")
    expect(emails()):is{ bob }
    users.add("in", { email = alice, id = "b831381d-6324-4d53-ad4f-8cda48b30811" })
    advance("0s")
    expect(emails()):is{ bob }
    restart()
    expect(emails()):is{ bob }
end)

test("others are told", function()
    clock("2026-03-30 12:00", "UTC")
    core{ users = { alice } }
    local listener = script("listener.lua")
    start("2026-03-31")
    advance("2d")
    expect(listener:log()):contains("script.user_expiring alice@example.com"):contains("script.user_expired alice@example.com")
end)

test("a date that does not exist is refused at load", function()
    core{ users = { alice } }
    expect(function() start("2026-02-30") end):fails('users["alice@example.com"]: a date')
    expect(function() script("../expiry.lua") end):fails("users: missing")
end)
