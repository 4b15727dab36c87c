val suite : string * unit Alcotest.test_case list
