-- The time of the newest write, of all servers. A sequence, since what a running write puts there is seen by all at
-- once, and stays where the write is undone.
CREATE SEQUENCE moment AS BIGINT MINVALUE 0 START 0;
SELECT setval('moment', (SELECT coalesce(max(updated), 0) FROM resource));

-- The time of a write: later than that of any before it, and not before `earliest`. Until the transaction ends, others see
-- that a write of about this time is under way, by a shared lock whose number is 1021 in the upper 12 bits and a lower
-- bound of the time in the others. The lock under which the time is taken goes with the block that ends in an
-- exception, while what was put into the sequence stays.
-- With its owner's rights, so that a role that may write to the tables needs no further grant.
CREATE FUNCTION moment_take(earliest BIGINT) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    taken BIGINT;
BEGIN
    SELECT last_value + 1 INTO taken FROM moment;
    PERFORM pg_advisory_xact_lock_shared(4598175219545276416 | taken);
    BEGIN
        PERFORM pg_advisory_xact_lock(7165092834417700002);
        SELECT greatest(last_value + 1, earliest) INTO taken FROM moment;
        PERFORM setval('moment', taken);
        RAISE EXCEPTION USING ERRCODE = 'CF001';
    EXCEPTION WHEN SQLSTATE 'CF001' THEN
        NULL;
    END;
    RETURN taken;
END $$;

CREATE FUNCTION moment_last() RETURNS BIGINT
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$ SELECT last_value FROM moment $$;
