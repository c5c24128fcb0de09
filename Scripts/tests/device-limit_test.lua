-- SPDX-License-Identifier: Apache-2.0

local alice, bob = "alice@example.com", "bob@example.com"

local function start(settings)
    core{ users = { alice, bob } }
    return script("../device-limit.lua", settings)
end

test("addresses beyond the limit are closed after the grace, the first ones stay", function()
    local limit = start{ limit = 2, grace = "10s" }
    local one, two = online(alice, "10.0.0.1"), online(alice, "10.0.0.2")
    advance("1s")
    local three = online(alice, "10.0.0.3")
    local other = online(bob, "10.0.0.3")
    advance("9s")
    expect(three:is_open()):is_true()
    advance("7s")
    expect(three:is_open()):is_false()
    expect(one:is_open() and two:is_open() and other:is_open()):is_true()
    expect(limit:log()):is{
        "[Warning] alice@example.com is connected from more than 2 addresses: 1 connection from 10.0.0.3 closed" }
end)

test("who comes again without a place is closed at once", function()
    start{ limit = 1, grace = "5s" }
    online(alice, "10.0.0.1")
    online(alice, "10.0.0.2")
    advance("10s")
    expect(online(alice, "10.0.0.2"):is_open()):is_false()
end)

test("several connections from one address are one device", function()
    local limit = start{ limit = 1, grace = "0s" }
    local flows = {}
    for index = 1, 5 do flows[index] = online(alice, "10.0.0.1") end
    advance("1m")
    for _, flow in ipairs(flows) do expect(flow:is_open()):is_true() end
    expect(limit:log()):is{}
end)

test("a place that is not used for the window is free", function()
    start{ limit = 1, grace = "0s", window = "1m" }
    online(alice, "10.0.0.1")
    advance("5s")
    offline(alice, "10.0.0.1")
    advance("30s")
    expect(online(alice, "10.0.0.2"):is_open()):is_false()
    advance("31s")
    local flow = online(alice, "10.0.0.2")
    advance("10s")
    expect(flow:is_open()):is_true()
end)

test("who is there keeps the place, however rarely the script looks", function()
    start{ limit = 1, grace = "1s", window = "4s", interval = "5s" }
    local first = online(alice, "10.0.0.9")
    advance("3s")
    local second = online(alice, "10.0.0.1")
    advance("12s")
    expect(first:is_open()):is_true()
    expect(second:is_open()):is_false()
end)

test("a user may have a limit of her own, or none", function()
    start{ limit = 1, limits = { [alice] = 2, [bob] = "unlimited" }, grace = "0s" }
    for index = 1, 4 do
        online(alice, "10.0.0." .. index)
        online(bob, "10.0.1." .. index)
    end
    advance("10s")
    local count = { [alice] = 0, [bob] = 0 }
    for _, flow in ipairs(flows.list{}) do count[flow.email] = count[flow.email] + 1 end
    expect(count):is{ [alice] = 2, [bob] = 4 }
end)

test("the user may be removed instead, and comes back, also over a restart", function()
    local limit = start{ limit = 1, grace = "0s", action = "remove", ban = "10m" }
    online(alice, "10.0.0.1")
    online(alice, "10.0.0.2")
    advance("5s")
    expect(emails()):is{ bob }
    expect(#flows.list{ email = alice }):is(0)
    expect(limit:log()):contains("removed from in for 600 s, 2 connections closed")
    advance("5m")
    limit:reload()
    expect(emails()):is{ bob }
    advance("5m")
    expect(emails()):is{ alice, bob }
    expect(online(alice, "10.0.0.2"):is_open()):is_true()
end)

test("others are told", function()
    local limit = start{ limit = 1, grace = "0s" }
    local listener = script("listener.lua")
    online(alice, "10.0.0.1")
    online(alice, "10.0.0.2")
    advance("10s")
    expect(listener:log()):is{ "[Info] script.device_limit alice@example.com " }
end)
