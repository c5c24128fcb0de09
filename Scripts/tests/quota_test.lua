-- SPDX-License-Identifier: Apache-2.0

local alice, bob = "alice@example.com", "bob@example.com"

-- A core with both and the script; alice's plan is 1 MB unless the settings say otherwise.
local function start(settings)
    core{ users = { alice, bob } }
    settings = settings or {}
    settings.plans = settings.plans or { ["Alice@example.com"] = "1MB" }
    return script("../quota.lua", settings)
end

test("a user who has used up the plan is cut off with the byte that does it", function()
    local quota = start()
    local flow = connect(alice)
    traffic(bob, { up = size("1GB"), down = size("1GB") })
    flow:move{ up = 400000, down = 500000 }
    expect(emails()):is{ alice, bob }
    flow:move{ down = 148575 }
    expect(flow:is_open()):is_true()
    flow:move{ down = 1 }
    expect(emails()):is{ bob }
    expect(flow:is_open()):is_false()
    expect(quota:log()):contains(
        "[Warning] alice@example.com has used up the plan of 1.00 MB (1.00 MB used): removed from in, 1 connection closed")
    expect((connect(alice))):is_nil()
    expect(connect(bob).outbound):is("direct")
end)

test("each warning comes once", function()
    local quota = start{ warn_at = { 95, 50 }, interval = "1s" }
    traffic(alice, { up = 500000 })
    advance("5s")
    expect(quota:log()):is{}
    traffic(alice, { up = 40000 })
    advance("5s")
    expect(quota:log()):is{ "[Warning] alice@example.com has used 51 % of the plan of 1.00 MB" }
    traffic(alice, { up = 460000 })
    advance("5s")
    expect(quota:log()):counts(2):contains("has used 95 %")
end)

test("a warning comes again in a new period", function()
    local quota = start{ window = "hour", interval = "1m" }
    for _ = 1, 2 do
        traffic(alice, { up = 900000 })
        advance("1h")
    end
    local warnings = 0
    for _, line in ipairs(quota:log()) do
        if line:find("has used 85 %", 1, true) then warnings = warnings + 1 end
    end
    expect(warnings):is(2)
end)

test("who is over stays removed", function()
    local quota = start()
    traffic(alice, { up = size("2MB") })
    expect(emails()):is{ bob }
    users.add("in", { email = alice, id = "b831381d-6324-4d53-ad4f-8cda48b30811" })
    advance("10s")
    expect(emails()):is{ bob }
    expect(quota:log()):contains("is still over the plan")
end)

test("usage holds across restarts, and the cut does, too", function()
    local quota = start()
    for _ = 1, 3 do
        traffic(alice, { up = 300000 })
        advance("10s")
        restart()
    end
    expect(emails()):is{ alice, bob }
    expect(quota:stored("user/" .. alice).used):is(900000)
    traffic(alice, { up = 200000 })
    expect(emails()):is{ bob }
    restart()
    expect(emails()):is{ bob }
    expect(quota:stored("user/" .. alice).used):is(1100000)
end)

test("no byte is lost or counted twice when others reset the counters", function()
    local quota = start{ plans = { [alice] = "1GB" } }
    local moved = 0
    for step = 1, 20 do
        traffic(alice, { up = step, down = 1000 * step })
        moved = moved + 1001 * step
        if step % 3 == 0 then stats.QueryStats{ pattern = "user>>>", reset = true } end
        if step % 4 == 0 then advance("10s") end
        if step % 7 == 0 then quota:reload() end
    end
    advance("10s")
    expect(quota:stored("user/" .. alice).used):is(moved)
end)

test("a reset by others does not put off the cut", function()
    start()
    local flow = connect(alice)
    flow:move{ up = 900000 }
    stats.QueryStats{ pattern = "user>>>", reset = true }
    flow:move{ up = 148575 }
    expect(emails()):is{ alice, bob }
    flow:move{ up = 1 }
    expect(emails()):is{ bob }
end)

test("a new period brings removed users back as they were", function()
    clock("2026-01-30 12:00", "UTC")
    local quota = start{ window = "month", zone = "UTC", interval = "10m" }
    local before = users.get("in", alice)
    traffic(alice, { up = size("2MB") })
    expect(emails()):is{ bob }
    advance("36h")
    expect(emails()):is{ alice, bob }
    expect(users.get("in", alice)):is(before)
    expect(quota:log()):contains("[Info] a new period begins: all usage is set to 0")
    -- The new period has its own sum.
    traffic(alice, { up = 1000000 })
    expect(emails()):is{ alice, bob }
    traffic(alice, { up = 100000 })
    expect(emails()):is{ bob }
end)

test("a plan of nothing keeps a user out, whatever period begins", function()
    clock("2026-01-30 12:00", "UTC")
    start{ window = "month", zone = "UTC", interval = "10m", plans = { [alice] = "0B" } }
    traffic(alice, { up = 1 })
    advance("10m")
    expect(emails()):is{ bob }
    advance("36h")
    expect(emails()):is{ bob }
end)

test("periods begin where they are anchored, in their zone", function()
    local cases = {
        -- window, day, hour, zone, now, begins
        { "hour", 1, 0, "UTC", "2026-05-05 10:59:59", "2026-05-05 11:00:00" },
        { "day", 1, 6, "UTC", "2026-05-05 05:59:59", "2026-05-05 06:00:00" },
        { "day", 1, 0, "Asia/Tehran", "2026-05-05 23:59:59", "2026-05-06 00:00:00" },
        { "week", 1, 0, "UTC", "2026-05-10 23:59:59", "2026-05-11 00:00:00" },
        { "week", 7, 12, "Europe/Berlin", "2026-05-10 11:59:59", "2026-05-10 12:00:00" },
        { "month", 15, 0, "America/New_York", "2026-03-14 23:59:59", "2026-03-15 00:00:00" },
        -- There is no 31st of February; and the night in which the clock goes forward.
        { "month", 31, 0, "UTC", "2026-02-27 23:59:59", "2026-02-28 00:00:00" },
        { "month", 31, 0, "UTC", "2026-12-30 23:59:59", "2026-12-31 00:00:00" },
        { "day", 1, 2, "Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29 03:00:00" },
    }
    core{ users = { alice } }
    for index, case in ipairs(cases) do
        local window, day, hour, zone, now, begins = table.unpack(case)
        clock(now, zone)
        local quota = script("../quota.lua", {
            plans = { [alice] = "1MB" }, window = window, anchor_day = day, anchor_hour = hour, zone = zone,
        }, { name = "quota" .. index })
        advance("999ms")
        expect(quota:log(), now):is{}
        advance("1ms")
        expect(quota:log(), now):counts(1):contains("a new period begins")
        expect(time.format(time.now(), "%F %T", zone)):is(begins)
        quota:stop()
    end
end)

test("a period that began while nothing ran is made up for", function()
    clock("2026-01-31 12:00", "UTC")
    local quota = start{ window = "month", zone = "UTC" }
    traffic(alice, { up = size("2MB") })
    expect(emails()):is{ bob }
    quota:stop()
    clock("2026-02-02 12:00", "UTC")
    script("../quota.lua", { plans = { [alice] = "1MB" }, window = "month", zone = "UTC" })
    expect(emails()):is{ alice, bob }
end)

test("patterns and the default apply to all inbounds with users", function()
    core{ inbounds = { one = { alice, bob }, two = { alice, bob } } }
    local quota = script("../quota.lua", { patterns = { ["^bob@"] = "10kB" }, default_plan = "4kB", close_flows = false })
    local flow = connect(alice)
    flow:move{ up = 5000 }
    traffic(bob, { up = 5000 })
    expect(emails("one")):is{ bob }
    expect(emails("two")):is{ bob }
    expect(flow:is_open()):is_true()
    expect(quota:log()):contains("removed from one, two, 0 connections closed")
end)

test("a raised plan brings a user back at once", function()
    local quota = start()
    traffic(alice, { up = size("2MB") })
    expect(emails()):is{ bob }
    quota:stop()
    script("../quota.lua", { plans = { [alice] = "3MB" } })
    expect(emails()):is{ alice, bob }
end)

test("others are told", function()
    core{ users = { alice } }
    local listener = script("listener.lua")
    script("../quota.lua", { plans = { [alice] = "1MB" } })
    traffic(alice, { up = 900000 })
    advance("10s")
    traffic(alice, { up = 900000 })
    expect(listener:log()):contains("script.user_warned alice@example.com 80"):contains("script.user_cut alice@example.com")
end)

test("settings that make no sense are refused at load", function()
    local function refused(settings, part)
        expect(function() script("../quota.lua", settings) end):fails(part)
    end
    refused({ plans = { ["a@b"] = "much" } }, 'plans["a@b"]: a size such as "50GB" or "unlimited" is expected, found "much"')
    refused({ interval = "soon" }, "interval: a duration")
    refused({ window = "year" }, "window: ")
    refused({ patterns = { ["["] = "1GB" } }, "malformed pattern")
end)

test("a calendar that is behind for a while resets nothing", function()
    clock("2026-05-10 12:00", "UTC")
    local quota = start{ window = "month", zone = "UTC" }
    traffic(alice, { up = 900000 })
    advance("10s")
    clock("2024-01-01 00:00", "UTC")
    restart()
    advance("1m")
    expect(quota:stored("user/" .. alice).used):is(900000)
    expect(quota:log()):contains("the calendar shows 2024-01-01 00:00, before the period that has begun at 2026-05-01 00:00")
    clock("2026-05-10 12:10", "UTC")
    advance("1m")
    expect(quota:stored("user/" .. alice).used):is(900000)
    clock("2026-06-01 00:01", "UTC")
    advance("1m")
    expect(quota:stored("user/" .. alice).used):is(0)
end)

test("a calendar that was ahead stops no period for good", function()
    clock("2038-01-10 12:00", "UTC")
    local quota = start{ window = "month", zone = "UTC" }
    traffic(alice, { up = 900000 })
    advance("10s")
    clock("2026-05-31 23:58", "UTC")
    advance("1m")
    expect(quota:stored("user/" .. alice).used):is(900000)
    advance("2m")
    expect(quota:stored("user/" .. alice).used):is(0)
end)
