-- Numbers that a tenant calls no more. Looked up with every call's commit.
CREATE TABLE do_not_call (
    tenant BIGINT NOT NULL,
    -- E.164, with its plus.
    number TEXT NOT NULL,
    -- How it came here: listed, asked, unwanted.
    reason TEXT NOT NULL,
    note TEXT,
    -- In which call, if in one; it may be forgotten by now.
    call BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, number)
);
