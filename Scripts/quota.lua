-- SPDX-License-Identifier: Apache-2.0
--
-- Quota: gives each user an amount of traffic (up and down together) for a period, and cuts off who has used it up.
--
-- Every few seconds the script reads the users' counters and adds what is new to what it has stored, so that the sum holds
-- across restarts, when the counters begin at 0 again. It warns in the log once when most of the plan is used. When all of it
-- is, it keeps a copy of the user, removes the user from the inbounds and closes the user's connections. Whoever is over stays
-- removed: also after a restart, and when somebody adds the user back. With a new period all usage begins at 0 and the
-- removed users are added back as they were; the same happens at once when a plan is raised.
--
-- The core counts a user's traffic only where the configuration has `stats` and, in the policy of the user's level,
-- `statsUserUplink` and `statsUserDownlink`.
--
-- Settings, all optional:
--   plans         amounts by e-mail: { "alice@example.com": "50GB", "bob@example.com": "unlimited" }
--   patterns      amounts by Lua pattern of the lower-case e-mail: { "@trial%.example$": "1GB" }; the longest pattern wins
--   default_plan  the amount for everybody else; without it they are not limited
--   inbounds      tags of the inbounds to remove users from: [ "vless-in" ]; without it all that have users
--   interval      how often to look: "2s"
--   reset_cron    when a period begins: "0 0 1 * *" is the first of each month; without it usage is never reset
--   reset_tz      the time zone of reset_cron: "Europe/Berlin"; without it the local one
--   warn_at       the part of the plan at which to warn: 0.8
--   close_flows   whether to close the live connections of a user who is cut off: true

local interval = settings.interval or "2s"
local warn_at = settings.warn_at or 0.8
local close_flows = settings.close_flows ~= false
local unlimited = math.huge

local function amount(plan)
    if plan == nil or plan == "unlimited" then return unlimited end
    return size(plan)
end

local plans = {}
for email, plan in pairs(settings.plans or {}) do plans[email:lower()] = amount(plan) end

local patterns = {}
for pattern, plan in pairs(settings.patterns or {}) do
    patterns[#patterns + 1] = { pattern = pattern, amount = amount(plan) }
end
table.sort(patterns, function(a, b)
    if #a.pattern ~= #b.pattern then return #a.pattern > #b.pattern end
    return a.pattern < b.pattern
end)

local default_plan = amount(settings.default_plan)

local function plan_of(email)
    local name = email:lower()
    if plans[name] then return plans[name] end
    for _, entry in ipairs(patterns) do
        if name:find(entry.pattern) then return entry.amount end
    end
    return default_plan
end

-- What the store holds, by e-mail: { used, seen, session, warned, cut }, and the copies of removed users by inbound.
local usage, removed = {}, {}
for key, record in pairs(store.list("user/")) do usage[key:sub(#"user/" + 1)] = record end
for key, copies in pairs(store.list("removed/")) do removed[key:sub(#"removed/" + 1)] = copies end

local function keep(email) store.set("user/" .. email, usage[email]) end

-- The counters' sums by e-mail.
local function totals()
    local sums = {}
    for name, value in pairs(stats.query("user>>>")) do
        local email = name:match("^user>>>(.-)>>>traffic>>>%a+link$")
        if email then sums[email] = (sums[email] or 0) + value end
    end
    return sums
end

-- Adds what was counted since the last look.
local function account()
    local sums = totals()
    store.transaction(function()
        for email, total in pairs(sums) do
            local record = usage[email]
            if not record then
                record = { used = 0, seen = 0, session = core.session }
                usage[email] = record
            end
            -- Counters begin at 0 with the process, and when somebody resets them.
            local before = record.session == core.session and record.seen or 0
            if total < before then before = 0 end
            if total ~= before or record.session ~= core.session then
                record.used = record.used + total - before
                record.seen, record.session = total, core.session
                keep(email)
            end
        end
    end)
end

local function begin_period()
    local period = store.get("period")
    local is_known = period and period.cron == settings.reset_cron
    if is_known and time.now() < period.ends then return end
    if is_known then log.info("a new period begins: all usage is set to 0") end
    store.transaction(function()
        if is_known then
            for email, record in pairs(usage) do
                record.used, record.warned, record.cut = 0, nil, nil
                keep(email)
            end
        end
        store.set("period", { cron = settings.reset_cron, ends = cron_next(settings.reset_cron, settings.reset_tz) })
    end)
end

local function managed_inbounds()
    if settings.inbounds then return settings.inbounds end
    local tags = {}
    for _, inbound in ipairs(inbounds.list()) do
        if pcall(users.count, inbound.tag) then tags[#tags + 1] = inbound.tag end
    end
    return tags
end

local told = {}
local function warn_once(text)
    if not told[text] then log.warning(text) end
    told[text] = true
end

local function remove(email, tag)
    local found, user = pcall(users.get, tag, email)
    if not found then warn_once(("inbound %s cannot be asked for its users: %s"):format(tag, user)) end
    if not found or not user then return false end
    -- The copy is stored before the user goes, so that no end of the process can lose it.
    local copies = removed[email] or {}
    copies[tag] = user
    removed[email] = copies
    store.set("removed/" .. email, copies)
    local done, message = users.remove(tag, email)
    if not done then warn_once(("%s cannot be removed from %s: %s"):format(email, tag, message)) end
    return done
end

local function cut(email, record, plan, tags)
    local gone = {}
    for _, tag in ipairs(tags) do
        if remove(email, tag) then gone[#gone + 1] = tag end
    end
    if #gone == 0 and record.cut then return end
    local closed = close_flows and flows.close{ email = email } or 0
    local where = #gone > 0 and "removed from " .. table.concat(gone, ", ") or "in none of the inbounds"
    local again = record.cut and "is still over" or "has used up"
    log.warning(("%s %s the plan of %s (%s used): %s, %d connections closed"):format(
        email, again, size_text(plan), size_text(record.used), where, closed))
    if not record.cut then
        record.cut = true
        keep(email)
    end
end

local function restore(email)
    local copies = removed[email]
    for tag, user in pairs(copies) do
        local done, message = users.add(tag, user)
        if done or message:find("already exists", 1, true) then
            copies[tag] = nil
            log.info(("%s is back in %s"):format(email, tag))
        else
            warn_once(("%s cannot be added back to %s: %s"):format(email, tag, message))
        end
    end
    if next(copies) then
        store.set("removed/" .. email, copies)
    else
        removed[email] = nil
        store.delete("removed/" .. email)
    end
    local record = usage[email]
    if record and record.cut then
        record.cut = nil
        keep(email)
    end
end

local function judge()
    local over, back = {}, {}
    for email, record in pairs(usage) do
        local plan = plan_of(email)
        if record.used >= plan then
            over[#over + 1] = email
        elseif removed[email] then
            back[#back + 1] = email
        elseif record.used >= warn_at * plan and not record.warned then
            log.warning(("%s has used %d %% of the plan of %s"):format(
                email, record.used * 100 // plan, size_text(plan)))
            record.warned = true
            keep(email)
        end
    end
    table.sort(over)
    table.sort(back)
    local tags = #over > 0 and managed_inbounds() or {}
    for _, email in ipairs(over) do cut(email, usage[email], plan_of(email), tags) end
    for _, email in ipairs(back) do restore(email) end
end

-- Both schedules do the same; while one of them waits for the core, the other leaves the work to it.
local is_busy = false
local function look()
    if is_busy then return end
    is_busy = true
    local done, problem = pcall(function()
        account()
        if settings.reset_cron then begin_period() end
        judge()
    end)
    is_busy = false
    if not done then error(problem, 0) end
end

-- At once, too: the configuration brings back at each start whom the script has removed.
after("0s", look, { name = "at start" })
every(interval, look, { name = "quota" })
if settings.reset_cron then
    cron(settings.reset_cron, look, { name = "new period", tz = settings.reset_tz, missed = "run" })
end
