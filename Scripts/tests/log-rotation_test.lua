-- SPDX-License-Identifier: Apache-2.0

local alice = "alice@example.com"

local function start(settings)
    core{ users = { alice }, log = { access = "access.log", error = "none" } }
    return script("../log-rotation.lua", settings)
end

-- Writes access lines, some 100 bytes each.
local function write(lines)
    for _ = 1, lines do traffic(alice, { up = 1 }) end
end

local function size() return log.files()[1].size end

test("a file that is too large is rotated, and no other", function()
    local rotation = start{ size = "2kB", at = "never" }
    write(5)
    advance("1m")
    expect(rotation:log()):is{}
    write(25)
    advance("1m")
    expect(rotation:log()):counts(1):matches("access%.log rotated at %d.* kB: larger than 2.00 kB")
    expect(rotation:calls("log.rotate")):counts(1)
    expect(size()):is(0)
    write(1)
    advance("1m")
    expect(rotation:log()):counts(1)
end)

test("all files that are not empty are rotated at the time, in the zone", function()
    clock("2026-05-05 23:59", "Europe/Berlin")
    local rotation = start{ zone = "Europe/Berlin" }
    write(1)
    advance("59s")
    expect(rotation:log()):is{}
    advance("1s")
    expect(rotation:log()):counts(1):contains("it is time")
    advance("24h")
    expect(rotation:log(), "an empty file stays"):counts(1)
end)

test("without log files there is nothing to do", function()
    core{ users = { alice } }
    local rotation = script("../log-rotation.lua", { size = "1kB" })
    advance("25h")
    expect(rotation:log()):is{}
end)

test("settings are checked", function()
    expect(function() start{ at = "daily" } end):fails("at: a cron expression")
    expect(function() start{ keep = 0 } end):fails("keep: an integer from 1 to 1000")
end)
