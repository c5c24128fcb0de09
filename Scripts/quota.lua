-- SPDX-License-Identifier: Apache-2.0
--
-- Quota: gives each user an amount of traffic (up and down together) for a period, and cuts off who has used it up.
--
-- The sum is kept in the store: it holds across restarts, when the counters begin at 0 again, and when others reset them. Who uses up
-- the plan is cut some milliseconds after the byte that does it: a copy of the user is kept, the user is removed from the inbounds, and the
-- connections are closed. Whoever is over stays removed, also after a restart, and when somebody adds the user back. With a new
-- period all usage begins at 0 and the removed users are added back as they were; the same happens at once when a plan is raised.
--
-- Other scripts are told by the events script.user_warned { email, used, plan, percent }, script.user_cut { email, used, plan } and
-- script.user_restored { email }.
--
-- Who is cut comes back when a period begins, also when an operator has removed the user meanwhile, which a core answers with "not found".
-- A plan of 0B keeps a user out for good.
--
-- A user takes about 1 kB of the script's memory: with more than some 40,000 users it needs a larger `limits.memory` than the usual 64 MB.
--
-- The core counts a user's traffic only where the configuration has `stats` and, in the policy of the user's level,
-- `statsUserUplink` and `statsUserDownlink`.

local amount = { type = "size", also = "unlimited" }
local settings = settings {
    plans = { type = "map", of = amount, default = {}, doc = "amounts by e-mail: { \"alice@example.com\": \"50GB\" }" },
    patterns = {
        type = "map", of = amount, default = {},
        doc = "amounts by Lua pattern of the lower-case e-mail: { \"@trial%.example$\": \"1GB\" }; the longest pattern wins",
    },
    default_plan = { type = "size", also = "unlimited", default = "unlimited", doc = "the amount for everybody else" },
    window = {
        type = "choice", of = { "hour", "day", "week", "month", "none" }, default = "none",
        doc = "the period; with none, usage is never reset",
    },
    anchor_day = {
        type = "integer", min = 1, max = 31, default = 1,
        doc = "the first day of a week (1 is Monday) or month; the last of the month where there is no such day",
    },
    anchor_hour = { type = "integer", min = 0, max = 23, default = 0, doc = "the hour at which days, weeks and months begin" },
    zone = { type = "zone", default = "local", doc = "the time zone of the period" },
    warn_at = { type = "list", of = { type = "number", min = 1, max = 99 }, default = { 80 }, doc = "percents at which to warn" },
    inbounds = { type = "list", of = "string", doc = "the inbounds to remove users from; without it all that have users" },
    interval = { type = "duration", min = "100ms", default = "10s", doc = "how often usage is stored, and warned of" },
    close_flows = { type = "boolean", default = true, doc = "whether to close the connections of a user who is cut off" },
}

local unlimited = math.huge
local function limit(plan) return plan == "unlimited" and unlimited or plan end

local plans = {}
for email, plan in pairs(settings.plans) do plans[email:lower()] = limit(plan) end

local patterns = {}
for pattern, plan in pairs(settings.patterns) do
    string.find("", pattern) -- A pattern that cannot be read is an error now, not later.
    patterns[#patterns + 1] = { pattern = pattern, amount = limit(plan) }
end
table.sort(patterns, function(a, b)
    if #a.pattern ~= #b.pattern then return #a.pattern > #b.pattern end
    return a.pattern < b.pattern
end)

local default_plan = limit(settings.default_plan)
local warn_at = settings.warn_at
table.sort(warn_at)

local function plan_of(email)
    local name = email:lower()
    if plans[name] then return plans[name] end
    for _, entry in ipairs(patterns) do
        if name:find(entry.pattern) then return entry.amount end
    end
    return default_plan
end

-- What the store holds, by e-mail: { used, seen, session, warned, cut }; and the copies of removed users.
local usage = {}
for key, record in pairs(store.list("user/")) do usage[key:sub(#"user/" + 1)] = record end
local suspended = require("lib.suspended").new(settings.inbounds)
local words = require("lib.words")

local function keep(email) store.set("user/" .. email, usage[email]) end

-- Everything that the users' counters have counted in this process, by e-mail; resets by others take nothing away. Of one user, or all.
local function totals(one)
    local sums = {}
    local pattern = one and ("user>>>%s>>>traffic>>>"):format(one) or "user>>>"
    for name, value in pairs(stats.query(pattern, { total = true })) do
        local email = name:match("^user>>>(.-)>>>traffic>>>%a+link$")
        if email then sums[email] = (sums[email] or 0) + value end
    end
    return sums
end

-- Adds what is new. Usage and the counters' place are stored together, so that no end of the process counts a byte twice or not at all.
local function account(one)
    local changed = {}
    for email, total in pairs(totals(one)) do
        local record = usage[email] or { used = 0, seen = 0, session = core.session }
        if record.session ~= core.session then record.session, record.seen = core.session, 0 end
        -- A total that is lower than before is being reset at this moment, and is read again at the next look.
        if total > record.seen then
            record.used = record.used + total - record.seen
            record.seen = total
            usage[email] = record
            changed[#changed + 1] = email
        end
    end
    for first = 1, #changed, 10000 do
        store.transaction(function()
            for index = first, math.min(first + 9999, #changed) do keep(changed[index]) end
        end)
    end
end

-- MARK: periods

local function days_in(year, month)
    local next_month = month == 12 and ("%04d-01-01"):format(year + 1) or ("%04d-%02d-01"):format(year, month + 1)
    return (time.parse(next_month, "UTC") - time.parse(("%04d-%02d-01"):format(year, month), "UTC")) // 86400 | 0
end

-- The moments near `t` at which a period may begin, in their order.
local function beginnings(t)
    local hour = (" %02d:00"):format(settings.anchor_hour)
    local list = {}
    if settings.window == "month" then
        local year, month = time.format(t, "%Y %m", settings.zone):match("(%d+) (%d+)")
        for offset = -1, 1 do
            local count = year * 12 + month - 1 + offset
            local y, m = count // 12 | 0, (count % 12 | 0) + 1
            local day = math.min(settings.anchor_day, days_in(y, m))
            list[#list + 1] = time.parse(("%04d-%02d-%02d"):format(y, m, day) .. hour, settings.zone)
        end
        return list
    end
    local noon = time.parse(time.format(t, "%F", "UTC") .. " 12:00", "UTC")
    for offset = -9, 9 do
        local date = time.format(noon + offset * 86400, "%F", "UTC")
        local weekday = tonumber(time.format(noon + offset * 86400, "%u", "UTC"))
        if settings.window == "day" or weekday == (settings.anchor_day - 1) % 7 + 1 then
            list[#list + 1] = time.parse(date .. hour, settings.zone)
        end
    end
    return list
end

-- When the period of `t` has begun, and when the next one does.
local function period(t)
    if settings.window == "hour" then return t - t % 3600, t - t % 3600 + 3600 end
    local first, following
    for _, moment in ipairs(beginnings(t)) do
        if moment <= t then first = moment else following = following or moment end
    end
    return first, following
end

-- The period that a calendar shows which is behind the known one.
local behind

local function begin_period()
    local now = time.now()
    local first, known = period(now), store.get("period")
    if known == first then return end
    -- A machine may begin with a wrong date, until the network tells it the right one: nothing is reset for that. If the known period was
    -- the wrong one, the next that begins by the calendar counts.
    if known and known > now and (not behind or first <= behind) then
        if not behind then
            log.warning(("the calendar shows %s, before the period that has begun at %s: usage is not reset"):format(
                time.format(now, "%F %H:%M", settings.zone), time.format(known, "%F %H:%M", settings.zone)))
        end
        behind = first
        return
    end
    behind = nil
    store.transaction(function()
        -- The first start resets nothing.
        if known then
            log.info("a new period begins: all usage is set to 0")
            for email, record in pairs(usage) do
                record.used, record.warned = 0, nil
                keep(email)
            end
        end
        store.set("period", first)
    end)
end

-- MARK: cutting and restoring

local function cut(email, record, plan, tags)
    local gone = suspended:remove(email, tags)
    if #gone == 0 and record.cut then return end
    local closed = settings.close_flows and flows.close{ email = email } or 0
    local where = #gone > 0 and "removed from " .. table.concat(gone, ", ") or "in none of the inbounds"
    local again = record.cut and "is still over" or "has used up"
    log.warning(("%s %s the plan of %s (%s used): %s, %s closed"):format(
        email, again, size_text(plan), size_text(record.used), where, words.count(closed, "connection")))
    if not record.cut then
        record.cut = true
        keep(email)
        events.raise("script.user_cut", { email = email, used = record.used, plan = plan })
    end
end

local function restore(email)
    if suspended:restore(email) then events.raise("script.user_restored", { email = email }) end
    local record = usage[email]
    if record and record.cut then
        record.cut = nil
        keep(email)
    end
end

local function warn(email, record, plan)
    local reached
    for _, percent in ipairs(warn_at) do
        if record.used * 100 >= percent * plan then reached = percent end
    end
    if not reached or (record.warned or 0) >= reached then return end
    log.warning(("%s has used %d %% of the plan of %s"):format(email, record.used * 100 // plan, size_text(plan)))
    record.warned = reached
    keep(email)
    events.raise("script.user_warned", { email = email, used = record.used, plan = plan, percent = reached })
end

-- Lets the core tell when a user reaches the plan, so that the cut need not wait for the next look.
local look
local watches = {}
local function watch(email, record, plan)
    local known = watches[email]
    if plan == unlimited or record.used >= plan or email:find("*", 1, true) then
        if known then known.watch:cancel() end
        watches[email] = nil
        return
    end
    -- Of all that the counters ever counted: resets by others do not put the cut off.
    local seen = record.session == core.session and record.seen or 0
    local threshold = seen + plan - record.used
    if known and known.threshold == threshold then return end
    if known then known.watch:cancel() end
    local name = ("user>>>%s>>>traffic>>>*"):format(email)
    local options = { name = "plan of " .. email, total = true }
    watches[email] = { threshold = threshold, watch = stats.watch(name, threshold, look, options) }
end

local function judge()
    local over, back = {}, {}
    for email, record in pairs(usage) do
        local plan = plan_of(email)
        if record.used >= plan then
            over[#over + 1] = email
        else
            if suspended:has(email) then back[#back + 1] = email else warn(email, record, plan) end
        end
        watch(email, record, plan)
    end
    table.sort(over)
    table.sort(back)
    local tags = #over > 0 and suspended:tags() or {}
    for _, email in ipairs(over) do cut(email, usage[email], plan_of(email), tags) end
    for _, email in ipairs(back) do restore(email) end
end

-- The schedules do the same; while one of them waits for the core, what comes meanwhile makes it look once more.
local is_busy, is_due = false, false
function look()
    if is_busy then
        is_due = true
        return
    end
    is_busy = true
    local done, problem
    repeat
        is_due = false
        done, problem = pcall(function()
            account()
            if settings.window ~= "none" then begin_period() end
            judge()
        end)
    until not done or not is_due
    is_busy = false
    if not done then error(problem, 0) end
end

local function await_period()
    local _, following = period(time.now())
    after(following - time.now(), function()
        look()
        await_period()
    end, { name = "new period" })
end

-- At once, too: the configuration brings back at each start whom the script has removed.
after("0s", look, { name = "at start" })
every(settings.interval, look, { name = "quota" })
-- Whose first byte comes now has no counter that was watched before. The others are not looked at: many users may come at a time.
stats.watch("user>>>*>>>traffic>>>*", 1, function(event)
    local email = event.email
    if watches[email] then return end
    account(email)
    local record, plan = usage[email], plan_of(email)
    if record and record.used < plan then watch(email, record, plan) else look() end
end, { name = "first byte" })
if settings.window ~= "none" then await_period() end
